"""Statements of what lies beside the loop: campaigns, costs, the configuration, the principles."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from spiritlevel.lineage.chain import day
from spiritlevel.report import campaigns, words
from spiritlevel.report.ask.lexicon import Lexicon
from spiritlevel.report.ask.statement import Statement, Told
from spiritlevel.types import Cost

STAGES = {"elicit": "prompts", "finetune": "training", "interpret": "inside", "release": "verdict"}
"""What a step is about, in names of the lexicon."""
CALLED = {
    "elicit": "ask asked",
    "finetune": "train teach tune",
    "interpret": "look inside",
    "measure": "compare",
    "release": "decide made taken",
}
"""More words for a step."""
CONFIG = ("file:config.yaml",)
BESIDE = ("campaign", "agents")
"""Sections of a configuration that say something only where such a step was run."""


def statements(told: Told, lexicon: Lexicon) -> Iterator[Statement]:
    """All of them."""
    yield from _campaigns(told)
    yield from _costs(told)
    yield from _config(told, lexicon)
    yield from _principles(told)


def _campaigns(told: Told) -> Iterator[Statement]:
    also = frozenset({"count", "prompts", "often", "harm", "interval", "before", "after", "evidence", "judge"})
    for section, line in zip(told.provoked, campaigns.lines(told.provoked), strict=True):
        harm = f": {words.told(campaigns.share(line.harm))}" if line.harm is not None else ""
        beside = f"; {words.line(line.beside)}: {words.told(campaigns.share(line.control))}" if line.control is not None else ""
        text = f"A campaign on {words.line(line.model, 300)}; {words.line(line.how, 300)}{harm}{beside}; {line.findings} findings."
        yield Statement(text, line.rows, "campaign", frozenset({"findings", "attack"}), also, 0.1)
        for curve in section.attacks:
            harm = words.told(campaigns.share(curve.harm[-1]))
            text = (
                f"In the campaign on {words.line(line.model, 300)}, {words.line(curve.attack)} reached delivered harm on {harm} of goals "
                f"within {curve.budgets[-1]} queries."
            )
            yield Statement(text, line.rows, "campaign", frozenset({"attack", "findings"}), also, 0.0, words=curve.attack)
        for f in section.findings:
            by = words.line(", ".join(f.attacks))
            text = f"Finding {words.short(f.id)}: principle {words.line(f.clause)}, reached by {by} in {f.attempts} attempts."
            about = frozenset({"findings", f"principle:{f.clause}"})
            yield Statement(text, (section.value.findings.id,), "campaign", about, also | {"attack"}, -0.05, words=f.id)
    if not told.provoked and told.steps:
        text = "No campaign is recorded in this run, so it holds no findings."
        yield Statement(text, (f"step:{told.steps[-1].key}",), "campaign", frozenset({"findings"}), frozenset({"count"}))


def _costs(told: Told) -> Iterator[Statement]:
    whole: Counter[str] = Counter()
    for step in told.steps:
        c, stage = step.cost, step.stage
        whole.update({"seconds": c.seconds, "cpu": c.cpu_seconds, "out": c.tokens_out, "money": c.money})
        also = frozenset({"count", "often", STAGES.get(stage, "step")})
        text = f"The step {words.line(step.label)} {_cost(c)}, was counted as {c.tag} work, and was done on {day(step.finished)}."
        yield Statement(
            text,
            (f"step:{step.key}",),
            "cost",
            frozenset({"cost", "time", "tokens", "money", "when"}),
            also,
            0.0,
            words=f"{stage} {CALLED.get(stage, '')}",
        )
    if told.steps:
        cost = Cost(
            tokens_out=int(whole["out"]), cpu_seconds=float(whole["cpu"]), seconds=float(whole["seconds"]), money=float(whole["money"])
        )
        text = (
            f"The {len(told.steps)} current steps of this run together {_cost(cost)}; the last was done on {day(told.steps[-1].finished)}."
        )
        rows = tuple(f"step:{s.key}" for s in told.steps)
        yield Statement(text, rows, "cost", frozenset({"cost", "time", "tokens", "money", "when"}), frozenset({"count"}), 0.12)


def _cost(c: Cost) -> str:
    money = f"{c.money:.4f} of money" if c.money else "no money"
    return f"took {c.seconds:,.1f} s ({c.cpu_seconds:,.1f} s of CPU), made {c.tokens_out:,} tokens, cost {money}"


def leaves(config: Mapping[str, Any], at: str = "") -> Iterator[tuple[str, object]]:
    """(dotted key, value) of all that is set."""
    for key, value in config.items():
        name = f"{at}.{key}" if at else str(key)
        if isinstance(value, Mapping):
            yield from leaves(value, name)
        elif value not in (None, "", [], ()):
            yield name, value


def _config(told: Told, lexicon: Lexicon) -> Iterator[Statement]:
    quiet = () if told.provoked else BESIDE
    for key, value in leaves(told.config):
        if key.split(".")[0] in quiet:
            continue
        own = lexicon.read(" ".join(key.split(".")).replace("_", " "))
        last = lexicon.read(key.rpartition(".")[2].replace("_", " "))
        static = frozenset(name for m in last.mentions for name in m.names if not name.startswith("key:"))
        about = static or frozenset({f"key:{key}"})
        also = frozenset(name for m in own.mentions for name in m.names) | {"config", "count", "often"}
        shown = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        yield Statement(f"The configuration sets {key} to {words.line(shown, 300)}.", CONFIG, "config", about, also, -0.1, words=key)


def _principles(told: Told) -> Iterator[Statement]:
    for p in told.law.principles:
        category = told.law.policy.categories.get(p.category)
        acts = f" Usage category: {words.line(category.title)}; a violation is met with: {category.action}." if category else ""
        text = f"Principle {words.line(p.id)} ({p.horizon} horizon), {words.line(p.title)}: {words.line(p.text, 600)}{acts}"
        about = frozenset({"principle", f"principle:{p.id}"})
        yield Statement(
            text, (f"principle:{p.id}",), "principle", about, frozenset({"action", "policy", "horizon", "define"}), -0.1, words=p.id
        )
    names = "; ".join(f"{words.line(p.id)} ({words.line(p.title)})" for p in told.law.principles)
    text = f"The constitution “{words.line(told.law.name)}” has {len(told.law.principles)} principles: {names}."
    yield Statement(text, ("file:constitution",), "principle", frozenset({"principle"}), frozenset({"count", "policy"}), 0.1)
