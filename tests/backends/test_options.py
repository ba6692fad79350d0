"""Options that branch from one beginning score as they do one by one, on bodies that the loop knows and on others."""

import pytest

from spiritlevel import backends
from spiritlevel.backends import _options, options
from spiritlevel.errors import DataError
from spiritlevel.types import Turn, user

pytestmark = pytest.mark.usefixtures("one_thread")
CHATS = [
    (Turn(role="system", content="Be kind."), *user("What is rain?")),
    (Turn(role="system", content="Be kind."), *user("Where do the bees sleep in winter, and why?")),
    user("Hi"),
]
OPTIONS = [("water", "a kind of water", "the"), ("in the hive", "in the soil", "in", "nowhere at all"), ("Hello", "Hello there")]


@pytest.mark.parametrize("arch", ["llama", "qwen2", "qwen3", "gemma2", "phi"])
def test_as_one_by_one(arch: str) -> None:
    model = backends.open_weights(backends.resolve(f"tiny:{arch}"), None)  # type: ignore[arg-type]
    found = options.after_chats(model, CHATS, OPTIONS)
    for chat, texts, values in zip(CHATS, OPTIONS, found, strict=True):
        whole = [(*chat, Turn(role="assistant", content=text)) for text in texts]
        alone = [sum(one.values) for one in model.logprobs(whole, [True] * len(whole))]
        # what the options begin with is counted in none of them: differences are what compares
        assert [v - values[0] for v in values] == pytest.approx([v - alone[0] for v in alone], abs=1e-4)


def test_a_shared_beginning_changes_nothing() -> None:
    model = backends.open_weights(backends.resolve("tiny:llama"), None)  # type: ignore[arg-type]
    lead = "The rain falls on the hills and on the sea. "
    texts = [f"{lead}It is {word}" for word in ("wet", "a long time", "what they say")]
    ends = [(" and cold.", " but not cold.")] * 3
    together = options.after_texts(model, texts, ends)
    alone = [options.after_texts(model, [text], [end])[0] for text, end in zip(texts, ends, strict=True)]
    for one, other in zip(together, alone, strict=True):
        assert one == pytest.approx(other, abs=1e-4)


def test_a_tree_takes_apart_what_is_common() -> None:
    assert _options.tree([[1, 2, 3, 4], [1, 2, 5]]) == _options.Tree((1, 2), ((3, 4), (5,)))
    assert _options.tree([[1, 2], [1, 2, 3]]) == _options.Tree((1,), ((2,), (2, 3)))
    assert _options.tree([[1, 2, 3]]) == _options.Tree((1, 2), ((3,),))


def test_sentences_stand_alone() -> None:
    model = backends.open_weights(backends.resolve("tiny:llama"), None)  # type: ignore[arg-type]
    [values] = options.after_texts(model, [""], [("The rain falls.", "A rain falls.")])
    assert len(values) == 2
    assert all(value < 0 for value in values)


def test_too_long_has_no_values_and_empty_is_one_sentence() -> None:
    model = backends.open_weights(backends.resolve("tiny:llama"), None)  # type: ignore[arg-type]
    long, short = options.after_texts(model, ["rain " * 3000, "rain"], [("a", "b")] * 2)
    assert long == []
    assert len(short) == 2
    with pytest.raises(DataError, match="no words"):
        options.after_texts(model, ["rain"], [("a", " ")])


@pytest.mark.parametrize("arch", ["llama", "phi"])
def test_an_end_after_text_is_counted_whole_and_told_whether_greedy(arch: str) -> None:
    import torch

    model = backends.open_weights(backends.resolve(f"tiny:{arch}"), None)  # type: ignore[arg-type]
    module = model.module  # type: ignore[attr-defined]

    def ids(text: str) -> list[int]:
        return list(model.tokenizer(text, add_special_tokens=False)["input_ids"])  # type: ignore[attr-defined]

    def alone(text: str, end: str) -> tuple[float, bool]:
        whole, first = ids(text + end), len(ids(text))
        rows = module(torch.tensor([whole])).logits[0, first - 1 : -1].float().log_softmax(-1)
        labels = torch.tensor(whole[first:])
        return float(rows[range(len(labels)), labels].sum()), bool((rows.argmax(-1) == labels).all())

    ends = [f" {one}" for one in "abcdefghijklmnopqrstuvwxyz"] + list("abcdefghijklmnopqrstuvwxyz,.") + [" the hills"]
    texts = [f"The rain falls on {one}" for one in ("hill", "sea", "town", "street", "roof", "garden")]
    with torch.inference_mode():
        expected = [[alone(text, end) for end in ends] for text in texts]
        found = options.continued(model, texts, [ends] * len(texts))
        [spaced, long] = options.continued(model, ["It is ", "rain " * 3000], [("a hill",), ("a",)])
        assert spaced[0][0] == pytest.approx(alone("It is", " a hill")[0], abs=1e-3)
    assert long == []
    assert [[value for value, _ in row] for row in found] == [pytest.approx([value for value, _ in row], abs=1e-3) for row in expected]
    assert [[greedy for _, greedy in row] for row in found] == [[greedy for _, greedy in row] for row in expected]
    assert any(greedy for row in found for _, greedy in row) or arch == "phi"
