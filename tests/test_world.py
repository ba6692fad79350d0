import numpy as np
import pytest

from spiritlevel import world
from spiritlevel.cli import commands
from spiritlevel.evidence import open_run
from spiritlevel.finetune.policy import PolicySettings, RolloutSettings
from spiritlevel.world import WorldConfig

TINY = WorldConfig(model="tiny:llama", oracle="rule:length", prompts=4, n=16, tokens=6, pairs=24, seeds=2, heads=3)


@pytest.fixture(scope="module")
def evidence(tmp_path_factory):
    with open_run(tmp_path_factory.mktemp("world"), "w", "w", "", quiet=True) as found:
        yield found


class Known:
    """Answers whose worth is one of their features."""

    def __init__(self, prompts, samples, width=6, seed=0):
        rng = np.random.default_rng(seed)
        self.features = rng.normal(size=(prompts, samples, width)).astype(np.float32)
        self.oracle = self.features[..., 0].astype(float)
        self.length = 50 + 10 * self.features[..., 1].astype(float)
        self.groups = [f"g{i}" for i in range(prompts)]


def test_proxies_of_many_true_labels_are_the_oracle():
    known, held = Known(400, 4), Known(20, 64, seed=1)
    found = world.proxies(known, held, WorldConfig(pairs=400, noise=0.0), 0)
    for name in ("single", "mean of heads", "worst head", "uncertainty-weighted"):
        assert np.corrcoef(found[name].ravel(), held.oracle.ravel())[0, 1] > 0.95, name
        assert world.ordered(found[name], held.oracle, 0) > 0.9
    assert found["heads"].shape == (20, 64, 5)


def test_raters_who_lean_to_length_teach_it_and_length_control_takes_it_out():
    known, held = Known(400, 4), Known(20, 64, seed=1)
    found = world.proxies(known, held, WorldConfig(pairs=400, noise=0.0, length=1.0), 0)

    def leans(scores):
        return np.corrcoef(scores.ravel(), held.length.ravel())[0, 1]

    assert leans(found["single"]) > 0.5
    assert abs(leans(found["length-controlled"])) < 0.15


def test_labels_are_turned_over_at_the_rate_of_the_noise():
    known = Known(1000, 4)
    a, b, prompt = world.labelled_pairs(known, 1000, 0)
    assert (a != b).all()
    assert len(set(prompt)) == 1000
    clean = world.labels(known, a, b, prompt, WorldConfig(noise=0.0), 0)
    assert (clean == (known.oracle[prompt, a] > known.oracle[prompt, b])).all()
    noisy = world.labels(known, a, b, prompt, WorldConfig(noise=0.25), 0)
    assert (clean != noisy).mean() == pytest.approx(0.25, abs=0.05)


def test_a_world_is_walked_and_replayed(evidence):
    found = world.run(TINY, evidence)
    assert [c.name for c in found.plot.curves][:2] == ["single", "mean of heads"]
    assert found.plot.intent.role == "oracle"
    assert found.plot.curves[0].beside is None
    assert found.stops is not None
    assert found.stops.runs == 2
    before = evidence.counts()
    assert world.run(TINY, evidence) == found
    assert evidence.counts() == before


def test_a_policy_pursues_a_proxy(evidence):
    settings = PolicySettings(steps=3, checkpoint_every=1, lr=1e-3, rollouts=RolloutSettings(prompts=2, samples=2, max_tokens=6))
    found = world.pursue(TINY, settings, evidence, samples=2)
    assert len(found.policy.checkpoints) == 4
    assert len(found.plot.curves[0].points) == 4
    assert found.proxy.identity.id in {use.atom.removeprefix("judge:") for use in found.policy.lineage.uses}


def test_mitigations_stand_on_the_same_plot(evidence):
    settings = PolicySettings(steps=4, checkpoint_every=1, lr=1e-3, rollouts=RolloutSettings(prompts=2, samples=2, max_tokens=6))
    found = world.pursue(TINY, settings, evidence, samples=2, budget=0.5, refresh=True)
    assert [c.name for c in found.plot.curves] == ["plain", "KL budget of 0.5 nats", "refreshed reward"]
    assert [p.label for p in found.plot.curves[2].points] == ["start", "step 1", "step 2", "step 3", "step 4"]
    budgeted, refreshed = found.held
    assert budgeted.reward.id == found.policy.reward.id != refreshed.reward.id
    assert refreshed.lineage.parents, "it goes on from the first half"
    assert all(curve.beside is not None for curve in found.plot.curves[1:])
    before = evidence.counts()
    assert world.pursue(TINY, settings, evidence, samples=2, budget=0.5, refresh=True) == found
    assert evidence.counts() == before


def test_the_command(tmp_path, monkeypatch):
    from click.testing import CliRunner

    monkeypatch.chdir(tmp_path)
    asked = [
        "world",
        "--model",
        "tiny:llama",
        "--oracle",
        "rule:length",
        "--prompts",
        "3",
        "-n",
        "8",
        "--tokens",
        "4",
        "--pairs",
        "12",
        "--seeds",
        "2",
        "-q",
    ]
    found = CliRunner().invoke(commands.app, [*asked, "--policy", "3", "--kl-budget", "1"])
    assert found.exit_code == 0, found.output
    assert "worst head" in found.output
    assert "KL budget of 1 nats" in found.output
    assert "<svg" in (tmp_path / "world-policy.html").read_text()
    assert "say how many steps" in CliRunner().invoke(commands.app, [*asked, "--refresh"]).output
    assert "<svg" in (tmp_path / "world.html").read_text()
