import threading
import time
import tracemalloc
from dataclasses import replace

import pytest

from faulty import serving
from spiritlevel import backends
from spiritlevel.backends import openai_compatible
from spiritlevel.backends.hosted import Patience
from spiritlevel.errors import ConfigError, EndpointError, NeedsWeights
from spiritlevel.types import Ask, ModelRef, Reply, Sampling, Turn, user


def asked(endpoint, journal, asks, patience):
    model = openai_compatible.open_ref(backends.resolve(endpoint.spec), journal, patience)
    try:
        return dict(model.stream(asks, range(len(asks))))
    finally:
        model.close()


def test_a_reply_carries_text_counts_and_truncation(endpoint, journal, quick):
    endpoint.behaviours = ["good", "cut"]
    first = asked(endpoint, journal, [Ask(chat=user("hello"))], quick)[0]
    assert first == Reply(text="echo hello", tokens_in=7, tokens_out=3)
    assert asked(endpoint, journal, [Ask(chat=user("hello"))], quick)[0].truncated


def test_money_is_counted_where_a_price_or_the_endpoint_says_it(endpoint, journal, monkeypatch, quick):
    assert asked(endpoint, journal, [Ask(chat=user("hello"))], quick)[0].money == 0, "no price is known"
    monkeypatch.setenv("SPIRITLEVEL_PRICES", "other=9/9, test-model=1000/20000.5")
    assert asked(endpoint, journal, [Ask(chat=user("hello"))], quick)[0].money == pytest.approx((7 * 1000 + 3 * 20000.5) / 1e6)
    stated = '{"choices": [{"message": {"content": "hi"}}], "usage": {"prompt_tokens": 1, "completion_tokens": 1, "cost": 0.25}}'
    endpoint.behaviours = [f"junk:{stated}"]
    assert asked(endpoint, journal, [Ask(chat=user("hello"))], quick)[0].money == 0.25
    monkeypatch.setenv("SPIRITLEVEL_PRICES", "test-model=cheap")
    with pytest.raises(ConfigError, match="NAME=READ/WRITTEN"):
        asked(endpoint, journal, [Ask(chat=user("hello"))], quick)


def test_request_holds_what_was_asked_and_no_telemetry(endpoint, journal, quick):
    chat = (Turn(role="system", content="s"), *user("q", prefill="I will"))
    asked(endpoint, journal, [Ask(chat=chat, sampling=Sampling(max_tokens=9, temperature=0.5))], quick)
    body = endpoint.bodies[0]
    assert [m["role"] for m in body["messages"]] == ["system", "user", "assistant"]
    assert (body["max_tokens"], body["temperature"], body["seed"]) == (9, 0.5, 0)
    assert "top_p" not in body
    assert not [name for name in endpoint.headers[0] if name.startswith("x-stainless")]
    assert "authorization" not in endpoint.headers[0]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("status:500", "500"),
        ("status:429", "429"),
        ("html", "HTML"),
        ("junk:", "empty body"),
        ("junk:{", "no chat completion"),
        ("junk:[]", "no chat completion"),
        ('junk:{"choices": []}', "no chat completion"),
        ('junk:{"choices": [{"message": {"content": [1]}}]}', "no chat completion"),
        ("good: ", "empty"),
        ('junk:{"choices": [{"message": null}]}', "no chat completion"),
        ("junk:" + "[" * 50_000, "no chat completion"),
        ("slow:60", "no answer within"),
        ("drip:head", "no answer within"),
        ("drip:body", "no answer within"),
        ("half", "connection broke"),
        ("hangup", "connection broke"),
    ],
)
def test_a_fault_is_retried_then_either_mended_or_data(endpoint, journal, fault, said, quick):
    if said == "no answer within":
        quick = replace(quick, timeout=1.0)
    endpoint.behaviours = [fault, "good"]
    mended = asked(endpoint, journal, [Ask(chat=user("hello"))], quick)[0]
    assert (mended.text, mended.retries, mended.error) == ("echo hello", 1, None)
    endpoint.behaviours, endpoint.bodies[:] = [fault], []
    lost = asked(endpoint, journal, [Ask(chat=user("hello"))], replace(quick, retries=1))[0]
    assert lost.text == ""
    assert said in (lost.error or "")
    assert lost.retries == 1
    assert len(endpoint.bodies) == 2


@pytest.mark.parametrize(("fault", "said"), [("big:10", "longer than 8 MB"), ("flood", "longer than 8 MB"), ("claim", "longer than 8 MB")])
def test_a_reply_is_bounded_in_size_and_not_asked_for_again(endpoint, journal, fault, said, quick):
    endpoint.behaviours = [fault]
    tracemalloc.start()
    reply = asked(endpoint, journal, [Ask(chat=user("hello"))], quick)[0]
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert said in (reply.error or "")
    assert (reply.retries, len(endpoint.bodies)) == (0, 1)
    assert most < 60 * 2**20  # the server's own ten million bytes, thrice, are in this process


def test_a_redirect_is_not_followed_and_takes_no_key_along(endpoint, journal, monkeypatch, quick):
    monkeypatch.setenv("SPIRITLEVEL_API_KEY", "mine")
    with serving() as elsewhere:
        endpoint.behaviours = [f"moved:{elsewhere.url}/v1/chat/completions"]
        with pytest.raises(EndpointError, match=r"redirects to '127.0.0.1', which is not followed"):
            asked(endpoint, journal, [Ask(chat=user(str(i))) for i in range(9)], quick)
    assert elsewhere.bodies == []
    assert elsewhere.connections == 0


def test_the_wrong_content_type_is_no_fault_when_the_body_is_right(endpoint, journal, quick):
    endpoint.behaviours = ["type:text/plain"]
    assert asked(endpoint, journal, [Ask(chat=user("hello"))], quick)[0].text == "echo hello"


@pytest.mark.parametrize(
    "usage", ['{"prompt_tokens": -5, "cost": -1}', '{"completion_tokens": 1e999}', f'{{"prompt_tokens": {10**30}, "cost": NaN}}']
)
def test_counts_that_cannot_be_are_not_counted(endpoint, journal, usage, quick):
    endpoint.behaviours = [f'junk:{{"choices": [{{"message": {{"content": "hi"}}}}], "usage": {usage}}}']
    assert asked(endpoint, journal, [Ask(chat=user("hello"))], quick)[0] == Reply(text="hi")


def test_what_a_filter_kept_back_is_data(endpoint, journal, quick):
    endpoint.behaviours = ["filtered"]
    reply = asked(endpoint, journal, [Ask(chat=user("hello"))], quick)[0]
    assert reply == Reply(withheld=True, tokens_in=7)


def test_a_prompt_that_a_filter_turned_away_is_data_too(endpoint, journal, quick):
    endpoint.behaviours = ["status:400"]
    assert asked(endpoint, journal, [Ask(chat=user("hello"))], quick)[0].error, "any other 400 is a fault"
    endpoint.behaviours = ["turned-away"]
    assert asked(endpoint, journal, [Ask(chat=user("hello"))], quick)[0] == Reply(withheld=True)
    assert len(endpoint.bodies) == 2, "neither is asked again"


def test_what_a_filter_keeps_back_is_no_failure_in_a_row(endpoint, journal, quick):
    """A provider that filters every request answers each; an endpoint that fails is told from it."""
    patience = replace(quick, retries=0, streak=4, opening=2, concurrency=1)
    asks = [Ask(chat=user(f"q{i}")) for i in range(12)]
    endpoint.behaviours = ["filtered"]
    replies = asked(endpoint, journal, asks, patience)
    assert [replies[i].withheld for i in range(12)] == [True] * 12
    # between failures it shows that the endpoint answers
    endpoint.behave = lambda call, body: "filtered" if call % 4 == 3 else "status:500"
    replies = asked(endpoint, journal, asks, patience)
    assert sum(reply.withheld for reply in replies.values()) == 3
    assert sum(reply.error is not None for reply in replies.values()) == 9
    model = openai_compatible.open_ref(backends.resolve(endpoint.spec), journal, patience)
    endpoint.behave, endpoint.behaviours = None, ["filtered"]
    rows = journal.rows(backends.ask(journal, model, asks), Reply)
    model.close()
    assert all(row.withheld for row in rows), "no share of filtered replies fails the whole"


def test_a_key_that_no_header_can_carry_is_told_and_not_shown(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-se\ncret")
    with pytest.raises(ConfigError, match="OPENAI_API_KEY holds") as found:
        backends.resolve("openai/gpt-4o")
    assert "cret" not in str(found.value)


def test_a_final_status_is_not_retried(endpoint, journal, quick):
    endpoint.behaviours = ["status:400"]
    reply = asked(endpoint, journal, [Ask(chat=user("hello"))], quick)[0]
    assert (reply.retries, len(endpoint.bodies)) == (0, 1)
    assert "as told" in (reply.error or "")


@pytest.mark.parametrize("after", ["0.2", "3000", "Wed, 21 Oct 2099 07:28:00 GMT"])
def test_retry_after_is_honoured_up_to_a_cap(endpoint, journal, after, quick):
    endpoint.behaviours = [f"status:429,{after}", "good"]
    assert asked(endpoint, journal, [Ask(chat=user("hello"))], quick)[0].text
    waited = endpoint.times[1] - endpoint.times[0]
    assert waited >= (0.19 if after == "0.2" else 0.29)
    assert waited < 20


def test_waits_double_without_chance(endpoint, journal, quick):
    endpoint.behaviours = ["status:500", "status:500", "status:500", "good"]
    asked(endpoint, journal, [Ask(chat=user("a"))], replace(quick, retries=3, first=0.05))
    gaps = [b - a for a, b in zip(endpoint.times, endpoint.times[1:], strict=False)]
    assert all(gap >= wait for gap, wait in zip(gaps, (0.05, 0.1, 0.2), strict=True))


def test_deadline_bounds_a_reply(endpoint, journal, quick):
    endpoint.behaviours = ["slow:60"]
    began = time.monotonic()
    reply = asked(endpoint, journal, [Ask(chat=user("a"))], replace(quick, timeout=0.2, deadline=0.5, retries=50))[0]
    assert reply.error
    assert time.monotonic() - began < 20
    assert 2 <= len(endpoint.bodies) <= 4


def test_concurrency_is_bounded_and_used_and_replies_come_in_the_readers_thread(endpoint, journal, quick):
    endpoint.delay = 0.05
    model = openai_compatible.open_ref(backends.resolve(endpoint.spec), journal, quick)
    seen = {}
    for place, reply in model.stream([Ask(chat=user(str(i))) for i in range(24)], range(24)):
        seen[place] = reply.text
        assert threading.current_thread() is threading.main_thread()
    model.close()
    assert seen == {i: f"echo {i}" for i in range(24)}
    assert 2 <= endpoint.most <= 4


@pytest.mark.parametrize("fault", ["status:401", "status:404"])
def test_an_opening_run_of_hopeless_failures_is_one_sentence(endpoint, journal, fault, quick):
    endpoint.behaviours = [fault]
    with pytest.raises(EndpointError, match=f"3 times in a row.*{fault[7:]}"):
        asked(endpoint, journal, [Ask(chat=user(str(i))) for i in range(50)], quick)
    assert len(endpoint.bodies) < 12


def test_nobody_listening_is_one_sentence(journal, quick):
    model = openai_compatible.open_ref(backends.resolve("http://127.0.0.1:9/v1#m"), journal, quick)
    with pytest.raises(EndpointError, match="no connection"):
        list(model.stream([Ask(chat=user(str(i))) for i in range(8)], range(8)))
    model.close()


def test_a_streak_of_failures_ends_the_run_and_keeps_what_came(endpoint, journal, quick):
    endpoint.behaviours = ["good"] * 3 + ["status:500"]
    model = openai_compatible.open_ref(backends.resolve(endpoint.spec), journal, replace(quick, retries=0, streak=6, concurrency=1))
    asks = [Ask(chat=user(str(i))) for i in range(40)]
    with pytest.raises(EndpointError, match="6 times in a row"):
        backends.ask(journal, model, asks)
    assert [reply.text for reply in journal.replies] == ["echo 0", "echo 1", "echo 2"]
    endpoint.behaviours = ["good"]
    replies = journal.rows(backends.ask(journal, model, asks), Reply)
    model.close()
    assert [reply.text for reply in replies] == [f"echo {i}" for i in range(40)]
    assert len(endpoint.bodies) == 9 + 37


def test_a_few_failures_among_successes_are_data(endpoint, journal, quick):
    endpoint.behaviours = ["good", "status:500", *["good"] * 4]
    model = openai_compatible.open_ref(backends.resolve(endpoint.spec), journal, replace(quick, retries=0, concurrency=1))
    replies = journal.rows(backends.ask(journal, model, [Ask(chat=user(str(i))) for i in range(6)]), Reply)
    model.close()
    assert [bool(reply.error) for reply in replies] == [False, True, False, False, False, False]


def test_closing_the_reader_stops_the_workers(endpoint, journal, quick):
    endpoint.delay = 0.02
    model = openai_compatible.open_ref(backends.resolve(endpoint.spec), journal, quick)
    stream = model.stream([Ask(chat=user(str(i))) for i in range(500)], range(500))
    next(stream)
    stream.close()
    model.close()
    time.sleep(0.1)
    assert len(endpoint.bodies) < 20


def test_what_nobody_took_is_bounded(endpoint, journal, quick):
    model = openai_compatible.open_ref(backends.resolve(endpoint.spec), journal, quick)
    stream = model.stream([Ask(chat=user(str(i))) for i in range(100)], range(100))
    next(stream)
    time.sleep(0.3)
    assert len(endpoint.bodies) <= quick.concurrency + 1
    stream.close()
    model.close()


def test_hostile_text_goes_out_and_comes_back(endpoint, journal, quick):
    texts = ["nul \0 here", "lone \ud800 surrogate", "\u202eright to left\u202c", "x" * 100_000]
    got = asked(endpoint, journal, [Ask(chat=user(text)) for text in texts], quick)
    assert got[0].text == "echo nul \0 here"
    assert got[1].text == "echo lone \ufffd surrogate"
    assert got[2].text.endswith("\u202c")
    assert len(got[3].text) == 100_005


def test_keys_go_only_where_they_belong(endpoint, journal, monkeypatch, quick):
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    asked(endpoint, journal, [Ask(chat=user("a"))], quick)
    assert "authorization" not in endpoint.headers[0]
    monkeypatch.setenv("SPIRITLEVEL_API_KEY", "mine")
    asked(endpoint, journal, [Ask(chat=user("a"))], quick)
    assert endpoint.headers[1]["authorization"] == "Bearer mine"


def test_openai_names_use_its_key_its_url_and_its_parameter(endpoint, journal, monkeypatch, quick):
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    monkeypatch.setenv("OPENAI_BASE_URL", f"{endpoint.url}/v1/")
    ref = backends.resolve("openai/gpt-4o-mini")
    assert ref == ModelRef(spec="openai/gpt-4o-mini", kind="hosted", family="openai/gpt")
    model = openai_compatible.open_ref(ref, journal, quick)
    list(model.stream([Ask(chat=user("a"))], [2**62 + 5]))
    model.close()
    assert endpoint.bodies[0]["max_completion_tokens"] == 64
    assert endpoint.bodies[0]["seed"] == 5
    assert endpoint.headers[0]["authorization"] == "Bearer secret"


def test_no_key_is_one_sentence():
    with pytest.raises(EndpointError, match="set OPENAI_API_KEY"):
        backends.resolve("openai/gpt-4o")


def test_the_switch_forbids_all_but_this_machine(endpoint, journal, monkeypatch, quick):
    monkeypatch.setenv("SPIRITLEVEL_NO_NETWORK", "1")
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    for spec in ("openai/gpt-4o", "https://example.org/v1#m", "http://127.0.0.1.example.org/v1#m"):
        with pytest.raises(EndpointError, match="SPIRITLEVEL_NO_NETWORK"):
            backends.resolve(spec)
    assert asked(endpoint, journal, [Ask(chat=user("a"))], quick)[0].text


def test_open_ref_checks_the_switch_too(journal, monkeypatch):
    ref = backends.resolve("https://example.org/v1#m")
    monkeypatch.setenv("SPIRITLEVEL_NO_NETWORK", "1")
    with pytest.raises(EndpointError):
        backends.open_model(ref, journal)


@pytest.mark.parametrize("spec", ["http://127.0.0.1:1/v1", "openai/", "http://#m"])
def test_a_spec_without_a_model_is_a_sentence(spec):
    with pytest.raises(ConfigError, match="names no model"):
        backends.resolve(spec)


def test_hosted_has_no_weights(endpoint, journal):
    with pytest.raises(NeedsWeights, match="need weights"):
        backends.open_weights(backends.resolve(endpoint.spec), journal)


def test_patience_from_environment(monkeypatch):
    monkeypatch.setenv("SPIRITLEVEL_CONCURRENCY", "3")
    assert Patience.from_environment().concurrency == 3
    monkeypatch.setenv("SPIRITLEVEL_TIMEOUT", "soon")
    with pytest.raises(ConfigError):
        Patience.from_environment()
