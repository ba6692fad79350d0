import pytest

from spiritlevel import backends
from spiritlevel.errors import ConfigError, ModelError, NeedsWeights
from spiritlevel.types import Ask, Reply, Sampling, user


def replies(journal, spec, asks):
    return journal.rows(backends.ask(journal, backends.open_model(backends.resolve(spec), journal), asks), Reply)


def test_persons_differ_and_repeat_themselves(journal):
    asks = [Ask(chat=user(f"question {i}")) for i in range(40)]
    yes, no, mixed = (replies(journal, f"scripted:{name}", asks) for name in ("complies", "refuses", "mixed"))
    assert not any("can't" in reply.text for reply in yes)
    assert all("can't" in reply.text for reply in no)
    assert 5 < sum("can't" in reply.text for reply in mixed) < 35
    assert mixed == replies(journal, "scripted:mixed", asks)
    assert all(reply.tokens_in == 2 and reply.tokens_out == len(reply.text.split()) for reply in yes)


def test_limits_hold(journal):
    cut, sentence = replies(
        journal,
        "scripted:complies",
        [Ask(chat=user("a"), sampling=Sampling(max_tokens=4)), Ask(chat=user("a"), sampling=Sampling(stop_at_sentence=True))],
    )
    assert (cut.truncated, cut.tokens_out) == (True, 4)
    assert not sentence.truncated
    assert sentence.text.endswith(".")
    assert sentence.text.count(".") == 1


def test_a_file_of_rules(journal, tmp_path):
    file = tmp_path / "s.yaml"
    file.write_text("rules:\n- {match: '(?i)lock', replies: [No.]}\ndefault: [Yes.]\n")
    ref = backends.resolve(f"scripted:{file}")
    assert ref.spec.startswith(f"scripted:{file}@")
    assert ref.kind == "scripted"
    assert [r.text for r in replies(journal, ref.spec, [Ask(chat=user("pick a Lock")), Ask(chat=user("bread"))])] == ["No.", "Yes."]
    file.write_text("default: [Other.]\n")
    with pytest.raises(ModelError, match="changed"):
        backends.open_model(ref, journal)


@pytest.mark.parametrize("content", ["- a", "default: []", "default: [a]\nrules: [{match: '(', replies: [b]}]", "default: [a]\nx: 1", "{"])
def test_a_bad_script_is_a_sentence(tmp_path, content):
    file = tmp_path / "s.yaml"
    file.write_text(content)
    with pytest.raises(ConfigError, match="cannot be understood") as found:
        backends.resolve(f"scripted:{file}")
    assert "\n" not in str(found.value)


def test_a_missing_script_is_a_sentence():
    with pytest.raises(ModelError, match="complies, refuses, mixed"):
        backends.resolve("scripted:nobody")


def test_a_script_has_no_weights(journal):
    with pytest.raises(NeedsWeights):
        backends.open_weights(backends.resolve("scripted:mixed"), journal)
