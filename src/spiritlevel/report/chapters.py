"""Chapters of the system card that are a list of measurements with a heading. A new one is one line of CHAPTERS."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from spiritlevel.report import choose
from spiritlevel.report.held import ROBUST
from spiritlevel.types import Compared, Governed, Held, Measurement, Place

USAGE = "usage"
Takes = Callable[[str, Measurement, Place | None], bool]
"""(label of the step, measurement, the suite's place where it is a suite's) -> whether it belongs here."""


@dataclass(frozen=True)
class Chapter:
    """What is told of, how it is measured, and what it does not show whatever the figures say."""

    id: str
    title: str
    how: str
    not_shown: str
    takes: Takes
    parts: bool = False
    """Its figures are of parts (categories, rungs), and each is told in the text and drawn."""


@dataclass(frozen=True)
class Told:
    """A chapter with the lines that belong to it; none: it was not measured."""

    chapter: Chapter
    lines: choose.Lines
    sources: tuple[str, ...]
    """Where they come from, in words."""
    notes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """What the measuring steps noted, with the rows that it is about."""


def suite(horizon: str) -> Takes:
    """Suites of one horizon that are about conduct, in their own words."""
    return lambda _, m, place: _conduct(m, place) and place is not None and place.horizon == horizon


def named(*words: str) -> Takes:
    """Whatever a stage of this name made, or whose measure begins with it."""
    return lambda label, m, _: any(word in label for word in words) or m.estimate.name.startswith(tuple(f"{w}:" for w in words))


def _conduct(m: Measurement, place: Place | None) -> bool:
    return m.role != "capability" and m.cell != ROBUST and place is not None and place.form != "hinted" and not _letter(m)


def _letter(m: Measurement) -> bool:
    return m.estimate.name.startswith(("suite:letter-and-spirit", "suite:grader-"))


CHAPTERS = (
    Chapter(
        "letter",
        "The letter and the spirit",
        "Requests with two executable checks, of the literal reading and of the intended one. Graders are tested on the same cases.",
        "A check sees the loopholes that it was written for. Others may be open.",
        lambda _, m, place: m.cell != ROBUST and _letter(m),
    ),
    Chapter(
        "near",
        "Near-term harms",
        "Bias, misinformation, fraud, harassment, privacy, persuasion and over-refusal, by published suites and our own.",
        "A suite shows its own questions. Low figures do not show that a person set on harm would fail.",
        suite("near"),
    ),
    Chapter(
        "long",
        "Long-term harms",
        "Power-seeking, survival, corrigibility, myopia, deception and like questions, in both orders of their answers.",
        "What a model says of itself in a forced choice is no proof of what it does, least of all a small one.",
        suite("long"),
    ),
    Chapter(
        "stated",
        "Stated against used reasoning",
        "Hints are planted in questions: is the hint followed, and is it admitted?",
        "Reasons that are admitted here may still be left out where a hint matters more.",
        lambda _, m, place: m.cell != ROBUST and place is not None and place.form == "hinted",
    ),
    Chapter(
        "ability",
        "Capability",
        "Multiple choice and exact answers, with the best of several ways to ask, chosen on rows that are not measured.",
        "More effort can bring out more: this is a lower bound of what the model can do.",
        lambda _, m, place: m.role == "capability" and place is not None and m.cell != ROBUST,
    ),
    Chapter(
        "robustness",
        "Robustness",
        "How far a measure moves when the same question is put in other words, and its worst case over the set.",
        "Only the changes that were tried. An adversary searches for others.",
        lambda _, m, place: m.cell == ROBUST,
    ),
    Chapter(
        "causes",
        "Changed inside",
        "Directions, heads, neurons and edges are taken out or held still, each beside a random one of the same size, and behaviour is "
        "measured. Capability that a cue hides is looked for by ablation, and by fine-tuning on a few examples.",
        "What a change does not move may hang on something else. All of it is kin evidence: it can stop a release and justify none.",
        named("interpret", "unlock"),
    ),
    Chapter(
        "oversight",
        "Oversight by a weaker supervisor",
        "A weak supervisor's labels train a strong student; the gap to the student's own ceiling that is recovered (Burns et al. 2023).",
        "The supervisor's mistakes here are those of a small model, not of a person who oversees one that is wiser.",
        named("oversight"),
        parts=True,
    ),
    Chapter(
        "tampering",
        "Tampering with open weights",
        "Fine-tuning attacks at rising budgets, ablation of directions and quantisation: how much undoes the safeguards.",
        "The cheapest attack that was tried is an upper bound of the cheapest one.",
        named("tamper"),
        parts=True,
    ),
    Chapter(
        "usage",
        "Usage policy",
        "For each category of the deployment's policy, how often replies comply with it.",
        "A category is as wide as its prompts, and a policy's silence is not permission.",
        named(USAGE),
        parts=True,
    ),
)
"""In the order in which they are told. A measurement stands in the first that takes it."""


def told(
    held: Held, compared: Compared, exam: Compared | None, governed: Governed | None = None, chapters: Sequence[Chapter] = CHAPTERS
) -> list[Told]:
    """Every chapter with what the comparison and the project's other steps hold for it; all that no chapter takes is left to the tables."""
    places = {p.measure: p for p in held.places}
    sources: list[tuple[str, str, Sequence[Measurement], tuple[str, ...]]] = [
        (side.side.value, f"this run, {side.side.value} side", side.measurements, ()) for side in (compared, exam) if side is not None
    ]
    sources += [(f.whence.label, f"{f.whence.label} of run {f.whence.run}", f.measurements, f.notes) for f in held.found]
    used = [side for side in (governed.used, governed.examined) if side is not None] if governed else []
    sources += [(USAGE, f"this run, {side.side.value} prompts by category", side.figures, side.notes) for side in used]
    lines: dict[str, choose.Lines] = {c.id: [] for c in chapters}
    said: dict[str, dict[str, None]] = {c.id: {} for c in chapters}
    notes: dict[str, dict[tuple[str, tuple[str, ...]], None]] = {c.id: {} for c in chapters}
    for label, source, measurements, noted in sources:
        for chapter in chapters:
            mine = [m for m in measurements if _first(chapters, label, m, places) is chapter]
            lines[chapter.id] += choose.side_by_side(mine)
            if mine:
                said[chapter.id][source] = None
                rows = tuple(sorted({row for m in mine for row in m.rows}))
                suites = tuple({m.estimate.name.removeprefix("suite:").split("/")[0] for m in mine if m.estimate.name.startswith("suite:")})
                notes[chapter.id] |= {(note, rows): None for note in noted if not suites or note.startswith(suites)}
    return [Told(c, lines[c.id], tuple(said[c.id]), tuple(notes[c.id])) for c in chapters]


def _first(chapters: Sequence[Chapter], label: str, m: Measurement, places: dict[str, Place]) -> Chapter | None:
    place = places.get(m.estimate.name)
    if m.cell == ROBUST:  # `suite:NAME moved by FRAME`, `suite:NAME, worst of ...`
        place = next((p for name, p in places.items() if m.estimate.name.startswith(name)), None)
    return next((c for c in chapters if c.takes(label, m, place)), None)
