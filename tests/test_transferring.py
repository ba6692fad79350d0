import pytest

from spiritlevel import transfer
from spiritlevel.cli.transfer import told
from spiritlevel.errors import ConfigError
from spiritlevel.evidence import canonical, open_run

pytestmark = pytest.mark.usefixtures("one_thread")


def test_subsets_teach_every_principle_as_often():
    assert transfer.subsets(("a", "b", "c"), 1) == (("a",), ("b",), ("c",))
    assert transfer.subsets(("a", "b", "c"), -1) == (("a", "b"), ("b", "c"), ("a", "c"))
    rows = transfer.subsets(tuple("abcde"), 3)
    assert all(sum(p in row for row in rows) == 3 for p in "abcde")
    for k in (0, 3, 4):
        with pytest.raises(ConfigError, match="leaves none to test on"):
            transfer.subsets(("a", "b", "c"), k)


def test_each_training_knows_its_own_principles_alone_and_all_replays(small, tmp_path):
    config = small.config(elicit={"attacks": ["direct"]}, interpret=None, finetune={"dpo": None})
    with open_run(tmp_path, "t", "t", "") as evidence:
        found = transfer.run(config, evidence)
        assert (found.k, found.principles, len(set(found.runs))) == (1, ("no-fraud", "no-hate"), 2)
        assert [(c.taught, c.tested) for c in found.harm.cells] == [((t,), p) for p in found.principles for t in found.principles]
        assert sum(c.own for c in found.harm.cells) == 2
        taught = {
            ref.weights: {u.atom for u in evidence.ledger.lookup(ref.weights).uses if u.atom.startswith("cluster:")} for ref in found.runs
        }
        assert len(set(map(frozenset, taught.values()))) == 2
        lines = "\n".join(told(found))
        assert "2 trainings on 1 of 2 principles" in lines
        assert "the transfer" in lines
        before = evidence.counts()
        assert canonical(transfer.run(config, evidence)) == canonical(found)
        assert evidence.counts() == before


def test_without_training_nothing_transfers(small, tmp_path):
    with open_run(tmp_path, "t", "t", "") as evidence:
        with pytest.raises(ConfigError, match="give it a finetune section"):
            transfer.run(small.config(finetune=None), evidence)
        with pytest.raises(ConfigError, match="leaves none to test on"):
            transfer.run(small.config(), evidence, ("no-fraud",))
        with pytest.raises(ConfigError, match="no principle 'no-such'"):
            transfer.run(small.config(), evidence, ("no-such", "no-fraud"))
