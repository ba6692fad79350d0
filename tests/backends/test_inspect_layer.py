import sys

import pytest

from spiritlevel import backends
from spiritlevel.backends import inspect_layer
from spiritlevel.errors import ConfigError, EndpointError, MissingExtra
from spiritlevel.types import Ask, ModelRef, Reply, user


def test_a_name_is_the_providers_own_family(monkeypatch):
    monkeypatch.delenv("SPIRITLEVEL_NO_NETWORK", raising=False)
    spec = "inspect/google/gemini-x"
    assert backends.resolve(spec) == ModelRef(spec=spec, kind="hosted", family="google/gemini")
    for short in ("inspect/", "inspect/google", "inspect/google/"):
        with pytest.raises(ConfigError, match="names no model"):
            backends.resolve(short)


def test_the_switch_forbids_providers_that_call_out(monkeypatch):
    monkeypatch.setenv("SPIRITLEVEL_NO_NETWORK", "1")
    with pytest.raises(EndpointError, match="SPIRITLEVEL_NO_NETWORK"):
        backends.resolve("inspect/google/gemini-x")
    assert backends.resolve("inspect/mockllm/model").kind == "hosted"


def test_without_the_package_the_extra_is_named(journal, monkeypatch):
    monkeypatch.setitem(sys.modules, "inspect_ai.model", None)
    with pytest.raises(MissingExtra, match=r"spiritlevel\[inspect\]"):
        backends.open_model(backends.resolve("inspect/mockllm/model"), journal)


@pytest.fixture
def layer():
    """inspect_ai itself; its imports warn on their own account."""
    return pytest.importorskip("inspect_ai.model", exc_type=ImportError)


@pytest.mark.filterwarnings("ignore")
def test_a_providers_answers_become_replies(layer, journal, quick):
    """Through a provider of our own: inspect_ai's mock model fetches a tokenizer's table from the net to count tokens."""

    @layer.modelapi(name="parrot")
    class Parrot(layer.ModelAPI):
        async def generate(self, input, tools, tool_choice, config):
            said = input[-1].text
            stop = {"long": "max_tokens", "filtered": "content_filter"}.get(said, "stop")
            output = layer.ModelOutput.from_content("parrot", "" if said == "filtered" else f"{said} {config.max_tokens}", stop)
            output.usage = layer.ModelUsage(input_tokens=4, input_tokens_cache_read=3, output_tokens=2)
            return output

    model = inspect_layer.open_ref(backends.resolve("inspect/parrot/x"), journal, quick)
    asks = [Ask(chat=user(text)) for text in ("hello", "long", "filtered", *map(str, range(17)))]
    replies = journal.rows(backends.ask(journal, model, asks), Reply)
    model.close()
    assert replies[:3] == [
        Reply(text="hello 64", tokens_in=7, tokens_out=2),
        Reply(text="long 64", truncated=True, tokens_in=7, tokens_out=2),
        Reply(withheld=True, tokens_in=7),
    ]
    assert [reply.text for reply in replies[3:]] == [f"{i} 64" for i in range(17)]


@pytest.mark.filterwarnings("ignore")
def test_an_unknown_provider_is_one_sentence(layer, journal):
    with pytest.raises(ConfigError, match="cannot be opened by inspect_ai") as found:
        backends.open_model(backends.resolve("inspect/nobody/model"), journal)
    assert "\n" not in str(found.value)


@pytest.mark.filterwarnings("ignore")
def test_retries_are_ours_alone(layer, endpoint, journal, monkeypatch, quick):
    pytest.importorskip("openai")
    monkeypatch.setenv("LOCAL_API_KEY", "secret")
    monkeypatch.setenv("LOCAL_BASE_URL", f"{endpoint.url}/v1")
    endpoint.behaviours = ["status:500", "status:429", "good", "status:400"]
    model = inspect_layer.open_ref(backends.resolve("inspect/openai-api/local/test-model"), journal, quick)
    [(_, mended)] = model.stream([Ask(chat=user("hello"))], [0])
    assert (mended.text, mended.retries, mended.tokens_in) == ("echo hello", 2, 7)
    assert len(endpoint.bodies) == 3
    assert model.pace.limit < quick.concurrency, "it knows a rate limit from another fault"
    [(_, lost)] = model.stream([Ask(chat=user("again"))], [0])
    model.close()
    assert "as told" in (lost.error or "")
    assert len(endpoint.bodies) == 4
