"""Statements of how the run came about: models, lineage, training, prompts, judges."""

from collections import Counter
from collections.abc import Iterator

from spiritlevel.report import words
from spiritlevel.report.ask.statement import Statement, Told
from spiritlevel.report.page import training_judges
from spiritlevel.types import Calibration, Compared, Tuned, Use

ATOMS = {
    "cluster": "clusters of prompts",
    "opening": "opening sentences",
    "family": "attack families",
    "judge": "judges",
    "labels": "sets of people’s labels",
    "data": "data sets",
    "body": "bodies of models",
}


def statements(told: Told) -> Iterator[Statement]:
    """All of them, in the order of the loop."""
    if told.compared is not None:
        yield from _models(told, told.compared)
        yield from _judges(told, told.compared)
    if told.tuned is not None:
        yield from _training(told, told.tuned)
    yield from _prompts(told)


def _models(told: Told, c: Compared) -> Iterator[Statement]:
    for phase, ref in (("before", c.before), ("after", c.after)):
        content = f", content {words.line(ref.key)}" if ref.weights else ""
        text = f"The model {phase} training is {words.line(ref.spec)}, family {words.line(ref.family)}{content}."
        yield Statement(
            text,
            told.step("measure:open"),
            "model",
            frozenset({"model", phase}),
            frozenset({"training", "lineage", "verdict", "judge"}),
            0.05,
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
    yield Statement(
        text, lineage, "training", frozenset({"judge", "training"}), frozenset({"grade", "evidence", "verdict", "after", "count"}), 0.15
    )
    body, parents = words.line(tuned.lineage.body), ", ".join(map(words.line, tuned.lineage.parents)) or "none"
    text = f"The weights come from the body {body}; parents: {parents}; their history is {tuned.lineage.history}."
    yield Statement(text, lineage, "training", frozenset({"lineage"}), frozenset({"model", "before", "training"}), 0.05)
    step = told.step("finetune") or lineage
    for rows, what, name in (
        (tuned.lessons, "lessons (training examples)", "lessons"),
        (tuned.preferences, "preference pairs", "preferences"),
    ):
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
        when = "" if told.compared is None else "before" if seen.model.key == told.compared.before.key else "after"
        rows = (seen.transcripts.id,)
        text = (
            f"The model {when + ' training ' if when else ''}was asked {seen.prompts:,} {side} prompts in {seen.clusters:,} clusters, "
            f"{seen.transcripts.n:,} times in all{left}."
        )
        about = frozenset({"prompts"}) | ({side} if side != "open" else frozenset())
        yield Statement(
            text,
            rows,
            "prompts",
            about,
            frozenset({"count", "open", "often", when}),
            0.05 + 0.02 * (when == "after") + 0.02 * (side == "open"),
        )
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
        f"{words.line(i.name)}"
        + (f" of the family {words.line(i.family)}" if i.family else " (rules)")
        + (", which also trained it" if i.id in trained else "")
        for i in c.instruments
    )
    if listed:
        text = f"The replies were read by these judges: {listed}."
        yield Statement(
            text,
            rows,
            "judge",
            frozenset({"judge"}),
            frozenset({"answered", "grade", "model", "after", "count", "evidence"}),
            0.1,
            words=listed,
        )
    for one in c.calibrations:
        yield Statement(
            _held_against(one),
            (f"calibration:{one.data}",),
            "judge",
            frozenset({"agreement", "judge"}),
            frozenset({"people", "interval"}),
            0.2,
        )


def _held_against(c: Calibration) -> str:
    return (
        f"Against people’s labels ({words.line(c.data)}) the judge {words.line(c.name)} has sensitivity {words.told(c.sensitivity)}, "
        f"specificity {words.told(c.specificity)}, kappa {words.told(c.kappa)} and AUROC {words.told(c.auroc)}."
    )
