"""Pools and walks drawn from tiny models and scored by rules: shapes, grades, what training saw, and that nothing is drawn twice."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from spiritlevel import backends
from spiritlevel.errors import DataError, NeedsWeights
from spiritlevel.evidence import MemoryJournal
from spiritlevel.measure import distance, pushing
from spiritlevel.types import Chat, Checkpoint, Grade, Instrument, Lineage, Prompt, Use

pytestmark = pytest.mark.usefixtures("one_thread")


class Rule:
    """Counts a letter, a head each; a real reward model of the plainest kind."""

    def __init__(self, letters: str, **identity: object) -> None:
        self.letters, self.heads, self.seen = letters, len(letters), 0
        self.identity = Instrument(id=f"rule:{letters}", name=f"rule:{letters}", **identity)  # type: ignore[arg-type]

    def score(self, chats: Sequence[Chat], truncated: Sequence[bool] | None = None) -> np.ndarray:
        self.seen += len(chats)
        return np.asarray([[c[-1].content.lower().count(x) + 0.01 * len(c[-1].content) for x in self.letters] for c in chats], np.float32)


def prompts(n: int = 6) -> list[Prompt]:
    words = ("rivers", "clocks", "bread", "maps", "violins", "comets", "ants", "doors")
    return [Prompt(id=w, text=f"Tell me about {w}.", goal=f"Tell me about {w}.", principle="", cluster=w) for w in words[:n]]


SMALL = pushing.GapSettings(samples=16, tokens=8, rounds=200)


def test_a_pool_is_drawn_once_and_every_way_of_selecting_is_a_curve() -> None:
    journal, model = MemoryJournal(), backends.resolve("tiny:llama")
    proxy, intent = Rule("ab"), Rule("e")
    plot = pushing.pool(journal, model, prompts(), {"letters": proxy}, intent, SMALL)
    assert [c.name for c in plot.curves] == ["letters, single heads", "letters, mean", "letters, worst", "letters, uncertainty"]
    assert (plot.prompts, plot.samples, plot.seeds, plot.unscored) == (6, 16, 2, 0)
    assert plot.curves[1].points[-1].label == "n = 16"
    assert plot.curves[1].points[-1].proxy.value > 0.5
    scored = proxy.seen
    assert 0 < scored <= 6 * 16
    again = pushing.pool(journal, model, prompts(), {"letters": proxy, "one": Rule("c")}, intent, SMALL)
    assert proxy.seen == scored
    assert again.curves[:4] == plot.curves
    assert again.curves[4].name == "one"


def test_the_intent_is_graded_by_the_firewall_against_what_selected() -> None:
    journal, model = MemoryJournal(), backends.resolve("tiny:llama")

    def graded(intent: Rule, **more: object) -> tuple[Grade, str]:
        found = pushing.pool(journal, model, prompts(), {"p": Rule("a", family="f")}, intent, SMALL.model_copy(update=more)).intent
        return found.grade, found.role

    assert graded(Rule("e")) == (Grade.INDEPENDENT, "intent")
    assert graded(Rule("e"), oracle=True) == (Grade.INDEPENDENT, "oracle")
    assert graded(Rule("o", family="f")) == (Grade.KIN, "intent")
    assert graded(Rule("e", made_of=("judge:rule:a",)))[0] is Grade.SPENT
    assert graded(Rule("e", known_ancestry=False))[0] is Grade.KIN


def walked(*steps: tuple[int, str]) -> tuple[Checkpoint, ...]:
    return tuple(Checkpoint(step=step, ref=backends.resolve(spec)) for step, spec in steps)


def route(proxy: Rule, *steps: tuple[int, str], name: str = "letters") -> tuple[pushing.Route, Rule]:
    return pushing.Route(name=name, checkpoints=walked(*steps), proxy=proxy.identity.name), proxy


WAY = ((0, "tiny:llama-0"), (5, "tiny:llama-1"), (10, "tiny:llama-2"), (15, "tiny:llama-3"))


def test_checkpoints_are_sampled_and_their_kl_is_that_of_distance() -> None:
    journal = MemoryJournal()
    settings = SMALL.model_copy(update={"samples": 2})
    plot = pushing.walk(journal, [route(Rule("a"), *WAY)], prompts(), Rule("e"), settings)
    (curve,) = plot.curves
    assert [p.label for p in curve.points] == ["start", "step 5", "step 10", "step 15"]
    assert curve.points[0].kl == 0
    assert all(p.kl > 0 for p in curve.points[1:])
    assert curve.points[1].d.low <= curve.points[1].d.value <= curve.points[1].d.high
    start, second = walked(*WAY)[:2]
    found = distance.drift(journal, start.ref, second.ref, prompts(), tokens=8, samples=2)
    assert curve.points[1].kl == pytest.approx(float(np.nanmean(np.nanmean(found.nats.reshape(6, 2), axis=1))), rel=1e-6)
    assert np.nanmax(found.noise) < 1e-3
    assert plot.intent.grade is Grade.KIN, "nobody knows how the checkpoints were trained"


def test_prompts_that_training_saw_are_left_out() -> None:
    journal = MemoryJournal()
    last = walked(*WAY)[-1].ref
    taught = tuple(Use(model=last.key, atom=f"cluster:{p.cluster}", how="train") for p in prompts()[:2])
    journal.record(Lineage(weights=last.weights, body=last.weights, uses=taught, history="known"))
    plot = pushing.walk(journal, [route(Rule("a"), *WAY)], prompts(), Rule("e"), SMALL.model_copy(update={"samples": 2}))
    assert plot.prompts == 4
    assert "2 prompts left out" in plot.notes[-1]
    with pytest.raises(DataError, match="all 2 prompts are near ones"):
        pushing.walk(journal, [route(Rule("a"), *WAY)], prompts(2), Rule("e"), SMALL)


def test_too_few_checkpoints_and_models_without_weights_are_named() -> None:
    journal = MemoryJournal()
    with pytest.raises(DataError, match="2 checkpoints cannot show"):
        pushing.walk(journal, [route(Rule("a"), *WAY[:2])], prompts(), Rule("e"), SMALL)
    with pytest.raises(NeedsWeights):
        pushing.walk(journal, [route(Rule("a"), *WAY[:2], (9, "scripted:mixed"))], prompts(), Rule("e"), SMALL)


def test_several_trainings_share_a_plot_their_prompts_and_the_worst_grade() -> None:
    journal, settings = MemoryJournal(), SMALL.model_copy(update={"samples": 2})
    last = walked(*WAY)[2].ref
    seen = (Use(model=last.key, atom="cluster:rivers", how="train"), Use(model=last.key, atom="judge:rule:e", how="train"))
    journal.record(Lineage(weights=last.weights, body=last.weights, uses=seen, history="known"))
    ways = [route(Rule("a"), *WAY, name="plain"), route(Rule("b"), *WAY[:3], name="held")]
    plot = pushing.walk(journal, ways, prompts(), Rule("e"), settings)
    assert [(c.name, len(c.points)) for c in plot.curves] == [("plain", 4), ("held", 3)]
    assert plot.curves[1].beside is not None
    assert (plot.prompts, plot.intent.grade) == (5, Grade.SPENT)
    alone = pushing.walk(journal, ways[:1], prompts()[1:], Rule("e"), settings)
    assert alone.curves[0].points == plot.curves[0].points
    with pytest.raises(DataError, match="two trainings are called 'plain'"):
        pushing.walk(journal, [ways[0], ways[0]], prompts(), Rule("e"), settings)
    with pytest.raises(DataError, match="do not begin at one model"):
        pushing.walk(journal, [ways[0], route(Rule("b"), *WAY[1:], name="other")], prompts(), Rule("e"), settings)


def test_a_policy_that_gives_one_answer_is_named(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("default: [The answer is a b c.]", "utf-8")
    with pytest.raises(DataError, match="one score"):
        pushing.pool(MemoryJournal(), backends.resolve(f"scripted:{tmp_path}/one.yaml"), prompts(), {"p": Rule("a")}, Rule("e"), SMALL)
