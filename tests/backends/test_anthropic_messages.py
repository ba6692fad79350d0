import pytest

from spiritlevel import backends
from spiritlevel.errors import ConfigError, EndpointError
from spiritlevel.types import Ask, ModelRef, Reply, Sampling, Turn, user

SPEC = "anthropic/claude-test"


@pytest.fixture
def asked(endpoint, journal, monkeypatch, quick):
    """Ask the local server in Anthropic's protocol."""
    from spiritlevel.backends import anthropic_messages

    monkeypatch.setenv("ANTHROPIC_BASE_URL", endpoint.url)

    def ask(*asks: Ask) -> list[Reply]:
        model = anthropic_messages.open_ref(backends.resolve(SPEC), journal, quick)
        try:
            return [reply for _, reply in sorted(model.stream(asks, range(len(asks))), key=lambda pair: pair[0])]
        finally:
            model.close()

    return ask


def test_a_reply_carries_text_counts_and_truncation(endpoint, asked):
    endpoint.behaviours = ["good", "cut", "good: And more. Much more"]
    assert asked(Ask(chat=user("hello"))) == [Reply(text="echo hello", tokens_in=7, tokens_out=3)]
    assert asked(Ask(chat=user("hello")))[0].truncated
    assert asked(Ask(chat=user("hello"), sampling=Sampling(stop_at_sentence=True)))[0].text == " And more."


def test_the_request_is_the_protocols_own(endpoint, asked, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret")
    monkeypatch.setenv("OPENAI_API_KEY", "other")
    chat = (Turn(role="system", content="be kind"), *user("q \ud800", prefill="I will "))
    asked(Ask(chat=chat, sampling=Sampling(max_tokens=9, temperature=0.5)))
    assert endpoint.paths == ["/v1/messages"]
    assert endpoint.bodies == [
        {
            "model": "claude-test",
            "system": "be kind",
            "messages": [{"role": "user", "content": "q \ufffd"}, {"role": "assistant", "content": "I will"}],
            "max_tokens": 9,
            "temperature": 0.5,
        }
    ]
    sent = endpoint.headers[0]
    assert (sent["x-api-key"], sent["anthropic-version"]) == ("secret", "2023-06-01")
    assert "authorization" not in sent


@pytest.mark.parametrize("fault", ["status:529", "status:429,0.01", "status:500", "half", "junk:{}", 'junk:{"content": [3]}', "html"])
def test_a_fault_is_retried(endpoint, asked, fault):
    endpoint.behaviours = [fault, "good"]
    reply = asked(Ask(chat=user("hello")))[0]
    assert (reply.text, reply.retries) == ("echo hello", 1)


def test_overloaded_slows_the_pace(endpoint, journal, monkeypatch, quick):
    from spiritlevel.backends import anthropic_messages

    monkeypatch.setenv("ANTHROPIC_BASE_URL", endpoint.url)
    endpoint.behaviours = ["status:529"] * 2 + ["good"]
    model = anthropic_messages.open_ref(backends.resolve(SPEC), journal, quick)
    list(model.stream([Ask(chat=user("hello"))], [0]))
    model.close()
    assert 1 <= model.pace.limit < quick.concurrency


def test_what_is_refused_without_a_word_is_data(endpoint, asked):
    endpoint.behaviours = ["filtered"]
    assert asked(Ask(chat=user("hello"))) == [Reply(withheld=True, tokens_in=7)]


def test_a_complaint_is_told_and_a_final_one_not_retried(endpoint, asked):
    endpoint.behaviours = ["status:400"]
    reply = asked(Ask(chat=user("hello")))[0]
    assert "400 (as told)" in (reply.error or "")
    assert len(endpoint.bodies) == 1


def test_names_keys_and_the_switch(monkeypatch):
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match="names no model"):
        backends.resolve("anthropic/")
    with pytest.raises(EndpointError, match="set ANTHROPIC_API_KEY"):
        backends.resolve(SPEC)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret")
    monkeypatch.delenv("SPIRITLEVEL_NO_NETWORK", raising=False)
    assert backends.resolve(SPEC) == ModelRef(spec=SPEC, kind="hosted", family="anthropic/claude")
    monkeypatch.setenv("SPIRITLEVEL_NO_NETWORK", "1")
    with pytest.raises(EndpointError, match="SPIRITLEVEL_NO_NETWORK"):
        backends.resolve(SPEC)
