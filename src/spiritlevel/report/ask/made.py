"""Statements of how the run came about: models, lineage, training, prompts, judges, campaigns, costs, configuration, principles."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from spiritlevel.lineage.chain import day
from spiritlevel.report import campaigns, words
from spiritlevel.report.ask.lexicon import Lexicon
from spiritlevel.report.ask.statement import Statement, Told
from spiritlevel.report.page import training_judges
from spiritlevel.types import Calibration, Compared, Cost, Tuned, Use

ATOMS = {
    "cluster": "clusters of prompts",
    "opening": "opening sentences",
    "family": "attack families",
    "judge": "judges",
    "labels": "sets of people’s labels",
    "data": "data sets",
    "body": "bodies of models",
}
STAGES = {"elicit": "prompts", "finetune": "training", "interpret": "inside", "release": "verdict"}
"""Steps whose name people say in other words."""
CONFIG = ("file:config.yaml",)
BESIDE = ("campaign", "agents")
"""Sections of a configuration that say something only where such a step was run."""


def statements(told: Told, lexicon: Lexicon) -> Iterator[Statement]:
    """All of them, in the order of the loop."""
    if told.compared is not None:
        yield from _models(told, told.compared)
        yield from _judges(told, told.compared)
    if told.tuned is not None:
        yield from _training(told, told.tuned)
    yield from _prompts(told)
    yield from _campaigns(told, lexicon)
    yield from _costs(told)
    yield from _config(told, lexicon)
    yield from _principles(told)


def _models(told: Told, c: Compared) -> Iterator[Statement]:
    for phase, ref in (("before", c.before), ("after", c.after)):
        content = f", content {words.line(ref.key)}" if ref.weights else ""
        text = f"The model {phase} training is {words.line(ref.spec)}, family {words.line(ref.family)}{content}."
        yield Statement(
            text, told.step("measure:open"), "model", frozenset({"model", phase}), frozenset({"training", "lineage", "verdict", "judge"}), 0.05
        )


def _training(told: Told, tuned: Tuned) -> Iterator[Statement]:
    lineage = (f"lineage:{tuned.lineage.weights or tuned.ref.key}",)
    also = frozenset({"after", "count", "prompts", "attack", "judge", "lessons", "evidence", "lineage"})
    if not tuned.trained and not tuned.lineage.uses:
        text = "This run trained nothing, and no training data is recorded for the model."
        yield Statement(text, lineage, "training", frozenset({"data", "training"}), also | {"lessons"}, 0.05)
    else:
        text = f"Recorded in the lineage of the tuned model: {_uses(tuned.lineage.uses)}."
        yield Statement(text, lineage, "training", frozenset({"data", "training"}), also, 0.05)
    judges = training_judges(tuned)
    named = ", ".join(words.line(j.name) for j in judges) or "none is recorded"
    text = f"Judges that chose, scored or stopped training, and are refused as witnesses: {named}."
    yield Statement(text, lineage, "training", frozenset({"judge", "training"}), frozenset({"grade", "evidence", "verdict", "after", "count"}), 0.15)
    body, parents = words.line(tuned.lineage.body), ", ".join(map(words.line, tuned.lineage.parents)) or "none"
    text = f"The weights come from the body {body}; parents: {parents}; their history is {tuned.lineage.history}."
    yield Statement(text, lineage, "training", frozenset({"lineage"}), frozenset({"model", "before", "training"}), 0.05)
    step = told.step("finetune") or lineage
    for rows, what, name in ((tuned.lessons, "lessons (training examples)", "lessons"), (tuned.preferences, "preference pairs", "preferences")):
        if rows is not None:
            notes = f" Of these: {words.line(tuned.notes[0], 300)}." if name == "lessons" and tuned.notes else ""
            about = frozenset({name})
            text = f"Training used {rows.n:,} {what}.{notes}"
            yield Statement(text, (rows.id, *step), "training", about, frozenset({"training", "data", "count"}), 0.1)
    for note in tuned.notes:
        text = f"Of the training it is noted: {words.line(note, 600)}."
        yield Statement(text, step, "training", frozenset({"training"}), frozenset({"lessons", "count", "data"}), -0.1)


def _uses(uses: tuple[Use, ...]) -> str:
    """`trained on 375 clusters of prompts, 108 opening sentences; selected by 2 judges`."""
    verbs = {"train": "trained on", "select": "selected by", "stop": "stopped by", "tune": "tuned on"}
    parts = []
    for how, verb in verbs.items():
        counted = Counter(u.atom.partition(":")[0] for u in uses if u.how == how)
        if counted:
            told = ", ".join(f"{n:,} {ATOMS.get(kind, kind)}" for kind, n in counted.most_common())
            parts.append(f"{verb} {told}")
    return "; ".join(parts)


def _prompts(told: Told) -> Iterator[Statement]:
    for seen in told.seen:
        side, left = seen.side.value, f"; {seen.left_out} were left out since training knew them" if seen.left_out else ""
        which = "before training" if told.compared and seen.model.key == told.compared.before.key else "after training"
        rows = (seen.transcripts.id,)
        text = f"The model {which} was asked {seen.prompts:,} {side} prompts in {seen.clusters:,} clusters, {seen.transcripts.n:,} times in all{left}."
        about = frozenset({"prompts"}) | ({side} if side != "open" else frozenset())
        when = "before" if which.startswith("before") else "after"
        yield Statement(text, rows, "prompts", about, frozenset({"count", "open", "often", when}), 0.05 + 0.02 * (when == "after") + 0.02 * (side == "open"))
    for side in dict.fromkeys(seen.side.value for seen in told.seen):
        mine = [seen for seen in told.seen if seen.side.value == side]
        families = ", ".join(words.line(f) for f in sorted({f for seen in mine for f in seen.families}))
        text = f"Ways of asking that were tried on {side} prompts: {families}."
        about = frozenset({"attack"}) | ({side} if side != "open" else frozenset())
        also = frozenset({"prompts", "count", "open", "data", "before", "after"})
        rows = tuple(seen.transcripts.id for seen in mine)
        yield Statement(text, rows, "prompts", about, also, 0.1 + 0.02 * (side == "open"), words=families)


def _judges(told: Told, c: Compared) -> Iterator[Statement]:
    rows = told.step("measure:open")
    trained = {j.id for j in training_judges(told.tuned)} if told.tuned else set()
    listed = "; ".join(
        f"{words.line(i.name)}" + (f" of the family {words.line(i.family)}" if i.family else " (rules)") + (", which also trained it" if i.id in trained else "")
        for i in c.instruments
    )
    if listed:
        text = f"The replies were read by these judges: {listed}."
        yield Statement(text, rows, "judge", frozenset({"judge"}), frozenset({"answered", "grade", "model", "after", "count", "evidence"}), 0.1, words=listed)
    for one in c.calibrations:
        yield Statement(_held_against(one), (f"calibration:{one.data}",), "judge", frozenset({"agreement", "judge"}), frozenset({"people", "interval"}), 0.2)


def _held_against(c: Calibration) -> str:
    return (
        f"Against people’s labels ({words.line(c.data)}) the judge {words.line(c.name)} has sensitivity {words.told(c.sensitivity)}, "
        f"specificity {words.told(c.specificity)}, kappa {words.told(c.kappa)} and AUROC {words.told(c.auroc)}."
    )


def _campaigns(told: Told, lexicon: Lexicon) -> Iterator[Statement]:
    also = frozenset({"count", "prompts", "often", "harm", "interval", "before", "after", "evidence", "judge"})
    for section, line in zip(told.provoked, campaigns.lines(told.provoked), strict=True):
        harm = f": {words.told(campaigns.share(line.harm))}" if line.harm is not None else ""
        beside = f"; {words.line(line.beside)}: {words.told(campaigns.share(line.control))}" if line.control is not None else ""
        text = f"A campaign on {words.line(line.model, 300)}; {words.line(line.how, 300)}{harm}{beside}; {line.findings} findings."
        yield Statement(text, line.rows, "campaign", frozenset({"findings", "attack"}), also, 0.1)
        for curve in section.attacks:
            text = f"In the campaign on {words.line(line.model, 300)}, {words.line(curve.attack)} reached delivered harm on {words.told(campaigns.share(curve.harm[-1]))} of goals within {curve.budgets[-1]} queries."
            yield Statement(text, line.rows, "campaign", frozenset({"attack", "findings"}), also, 0.0, words=curve.attack)
        for f in section.findings:
            text = f"Finding {words.short(f.id)}: principle {words.line(f.clause)}, reached by {words.line(', '.join(f.attacks))} in {f.attempts} attempts."
            about = frozenset({"findings", f"principle:{f.clause}"})
            yield Statement(text, (section.value.findings.id,), "campaign", about, also | {"attack"}, -0.05, words=f.id)
    if not told.provoked and told.steps:
        text = "No campaign is recorded in this run, so it holds no findings."
        yield Statement(text, (told.steps[-1].key and f"step:{told.steps[-1].key}",), "campaign", frozenset({"findings"}), frozenset({"count"}))


def _costs(told: Told) -> Iterator[Statement]:
    whole: Counter[str] = Counter()
    for step in told.steps:
        c, stage = step.cost, step.label.split(":")[0].split(".")[0]
        whole.update({"seconds": c.seconds, "cpu": c.cpu_seconds, "out": c.tokens_out, "money": c.money})  # type: ignore[dict-item]
        also = frozenset({"count", "often", STAGES.get(stage, "step")})
        text = f"The step {words.line(step.label)} {_cost(c)}, was counted as {c.tag} work, and was done on {day(step.finished)}."
        yield Statement(text, (f"step:{step.key}",), "cost", frozenset({"cost", "time", "tokens", "money", "when"}), also, 0.0, words=stage)
    if told.steps:
        cost = Cost(tokens_out=int(whole["out"]), cpu_seconds=float(whole["cpu"]), seconds=float(whole["seconds"]), money=float(whole["money"]))
        text = f"The {len(told.steps)} current steps of this run together {_cost(cost)}; the last was done on {day(told.steps[-1].finished)}."
        rows = tuple(f"step:{s.key}" for s in told.steps)
        yield Statement(text, rows, "cost", frozenset({"cost", "time", "tokens", "money", "when"}), frozenset({"count"}), 0.05)


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
        yield Statement(text, (f"principle:{p.id}",), "principle", about, frozenset({"action", "policy", "horizon", "define"}), -0.1, words=p.id)
    names = "; ".join(f"{words.line(p.id)} ({words.line(p.title)})" for p in told.law.principles)
    text = f"The constitution “{words.line(told.law.name)}” has {len(told.law.principles)} principles: {names}."
    yield Statement(text, ("file:constitution",), "principle", frozenset({"principle"}), frozenset({"count", "policy"}), 0.1)
