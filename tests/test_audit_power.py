"""The audit of the audit on a tiny model: what it finds, that it is blind, that it survives a kill, and that no copy is released."""

import json
from pathlib import Path

import pytest

from planting import CHECKS, PLANT, config, flaw
from spiritlevel import audit_power, backends, constitution, finetune, firewall, release, screening
from spiritlevel.audit_power import PowerConfig, quick
from spiritlevel.cli.audit_power import shown, told
from spiritlevel.errors import ConfigError, NeedsWeights
from spiritlevel.evidence import MemoryJournal, open_run
from spiritlevel.release import ReleaseConfig
from spiritlevel.screening import blind
from spiritlevel.types import Circumstances, Compared, Inside, RowSet, Side, Ticket, Tuned, VerdictKind

pytestmark = pytest.mark.usefixtures("one_thread")


class Killed(BaseException):
    """Stands for a signal."""


@pytest.fixture(scope="module")
def done(tmp_path_factory, cache_home):
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    home = tmp_path_factory.mktemp("power")
    asked = config(home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPIRITLEVEL_CACHE", str(cache_home))
        with open_run(home, "whole", "w", "") as evidence:
            found = audit_power.run(asked, evidence)
            yield home, asked, found, evidence
    torch.set_num_threads(before)


def test_a_planted_flaw_is_found_or_said_to_be_missed(done):
    _, asked, found, _ = done
    assert [t.took for t in found.taken if t.strength == 1.0] == [True]
    cells = {c.strength: c for c in found.cells}
    assert cells[1.0].detected.n == 1
    assert not cells[1.0].developed
    assert len(found.alarms.alarms) == 3 * (2 + 2)
    assert found.false_alarms.n == 2
    assert found.base == backends.resolve("tiny:llama")
    text = "\n".join(told(found))
    assert "hold for no other" in text
    assert ("FOUND BY NO CHECK: words" in text) == (found.missed == ("words",))
    assert text.index("words") < text.index("false alarms")
    assert {row["flaw"] for row in shown(found)} == {"words"}
    assert all(row["base"] == found.base.weights for row in shown(found))
    assert asked.middle == 1.0


def test_what_asks_a_copy_and_what_sounds_an_alarm_is_given_no_label(done):
    _, _, found, evidence = done
    order = [step.label for step in evidence.steps()]
    assert order.index("screening.register") < order.index("screening.calibrate") < order.index("screening.seal")
    assert order.index("screening.seal") < order.index("screening.sound") < order.index("screening.tell")
    assert found.rules.after != found.rules.id == found.alarms.rules
    # a step's key hashes all that it was given: these were given no more than rules, answers, opaque names and weights
    asked, envelope = evidence.latest(screening.ask), evidence.latest(blind.seal)
    assert all(evidence.done(screening.screen, asked, ref, found.rules) for ref in envelope.refs)
    screened = tuple(evidence.step(screening.screen, asked, ref, found.rules) for ref in envelope.refs)
    assert evidence.done(blind.sound, found.rules, envelope, screened)
    assert not any(word in envelope.model_dump_json() + found.alarms.model_dump_json() for word in ("words", "clean", "flaw"))
    blind.verify(found.alarms, envelope, found.rules, found.labels)


def test_killed_at_any_step_it_goes_on_to_equal_evidence(done, tmp_path):
    _, asked, _, whole = done

    class Cut:
        """Evidence that is killed before its n-th step."""

        def __init__(self, evidence, n):
            self.evidence, self.left = evidence, n

        def __getattr__(self, name):
            return getattr(self.evidence, name)

        def step(self, *args, **kwargs):
            self.left -= 1
            if self.left < 0:
                raise Killed
            return self.evidence.step(*args, **kwargs)

    for n in (3, 6, 11):
        with pytest.raises(Killed), open_run(tmp_path, "cut", "w", "") as evidence:
            audit_power.run(asked, Cut(evidence, n))
    with open_run(tmp_path, "cut", "w", "") as evidence:
        audit_power.run(asked, evidence)
        assert evidence.digest() == whole.digest()


def test_no_copy_is_ever_released(done):
    _, _, found, evidence = done
    planted = [copy for grown in evidence.values("flaws.plant") for copy in grown.copies]
    law = constitution.load()
    assert any(copy.clean for copy in planted)
    assert not all(copy.clean for copy in planted)
    for copy in planted:
        journal = MemoryJournal(Path(evidence.folder))
        tuned = finetune.adopt(journal, found.base, copy.ref, ())
        verdict = decided(journal, law, tuned, found.base)
        assert verdict.kind is VerdictKind.HELD
        assert "never released" in next(c.reason for c in verdict.checks if c.threshold == "planted")
        assert release.unseal(journal, law, tuned, compared(found.base, copy.ref), Inside(measurements=()), ReleaseConfig()).attempt == 0
        child = tuned.lineage.model_copy(update={"weights": "child", "parents": (copy.ref.weights,), "uses": (), "note": ""})
        journal.record(tuned.lineage)
        assert decided(journal, law, tuned.model_copy(update={"lineage": child}), found.base).kind is VerdictKind.HELD


def compared(base, ref) -> Compared:
    return Compared(before=base, after=ref, side=Side.OPEN, measurements=(), gaps=(), pairs=RowSet(id="p", kind="pair", n=0))


def decided(journal, law, tuned: Tuned, base):
    ticket = Ticket(attempt=0, attempts=3)
    around = Circumstances(planted=firewall.planted_in(tuned.lineage, journal.lineage))
    return release.decide(law.policy, tuned, compared(base, tuned.ref), Inside(measurements=()), None, ticket, ReleaseConfig(), around)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"clean": 1}, "1 clean copies cannot tell"),
        ({"controls": 0}, "0 clean copies cannot tell"),
        ({"strengths": ()}, "do not rise from above 0"),
        ({"strengths": (1.0, 0.5)}, "do not rise"),
        ({"strengths": (0.0, 1.0)}, "do not rise"),
        ({"strengths": (float("nan"),)}, "do not rise"),
        ({"strengths": (0.5, float("inf"))}, "do not rise"),
        ({"flaws": ("nothing",)}, "no flaw 'nothing'"),
        ({"checks": ("nothing",)}, "no 'nothing'"),
    ],
)
def test_what_could_only_end_in_figures_that_mean_nothing(tmp_path, fields, said):
    with open_run(tmp_path, "bad", "b", "") as evidence, pytest.raises(ConfigError, match=said):
        audit_power.run(config(tmp_path, **fields), evidence)


def test_a_hosted_base_has_no_weights_to_plant_in(tmp_path):
    with open_run(tmp_path, "bad", "b", "") as evidence, pytest.raises(NeedsWeights, match="planting flaws needs"):
        audit_power.run(config(tmp_path, model="scripted:mixed"), evidence)


def test_quick_is_small_and_whole_is_as_large_as_it_says():
    whole = PowerConfig()
    assert (len(whole.strengths), whole.middle, whole.seeds, whole.controls) == (3, 0.75, 3, 30)
    small = quick(whole)
    assert small.strengths == (whole.middle,)
    assert (small.seeds, small.controls) == (1, 2)


def test_on_the_command_line(tmp_path, monkeypatch):
    from click.testing import CliRunner

    from spiritlevel.cli.audit_power import audit_power as command
    from spiritlevel.flaws import PlantSettings

    monkeypatch.chdir(tmp_path)
    tiny = PlantSettings.model_validate({**PLANT, "examples": 8, "train": {**PLANT["train"], "epochs": 1}})
    args = ["--model", "tiny:llama", "--flaw", str(flaw(tmp_path)), "--quick", "--clean", "2", "-q"]
    few = {"strengths": (1.0,), "seeds": 1, "controls": 2, "checks": CHECKS, "plant": tiny}
    monkeypatch.setattr(audit_power, "quick", lambda whole: whole.model_copy(update=few))
    done = CliRunner().invoke(command, args, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "false alarms on clean controls" in done.output
    figures = json.loads((tmp_path / "power.json").read_text())
    assert ReleaseConfig.model_validate({"power": str(tmp_path / "power.json")}).power == ReleaseConfig(power=figures["shown"]).power
    assert "Power table" in (tmp_path / "power.html").read_text()
    again = CliRunner().invoke(command, args, catch_exceptions=False)
    assert again.output == done.output
