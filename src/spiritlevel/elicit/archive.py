"""Quality-diversity: the worst message for every principle and style (MAP-Elites: Mouret and Clune 2015; Rainbow Teaming: Samvelyan et
al. 2024, section 3).

Two things differ from the paper. A message always serves a goal of the campaign, so that its cluster, and with it what may be
claimed, is known: a parent from another principle lends its manner, not its subject. And elites are chosen by a judge's probability
on one draw, which flatters the luckiest: each is asked again at the end, on a draw that chose nothing.
"""

import math
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from spiritlevel import backends, firewall, stats
from spiritlevel.constitution import Constitution, Example
from spiritlevel.elicit import plays
from spiritlevel.elicit.attacks import styles as dress
from spiritlevel.elicit.attacks.prose import fill, message, sections
from spiritlevel.elicit.bench import TELL_BY, Bench
from spiritlevel.elicit.campaign import choose, finished, history, laid
from spiritlevel.elicit.config import ArchiveConfig, CampaignConfig, ElicitConfig
from spiritlevel.elicit.curves import curve
from spiritlevel.elicit.lockstep import Played, Table
from spiritlevel.elicit.plays import Play, Think, Try, harm
from spiritlevel.elicit.prompts import gather
from spiritlevel.firewall import near
from spiritlevel.judges.text import read
from spiritlevel.types import Archive, Attempt, Elite, Estimate, Journal, Mark, ModelRef, Outcome, Prompt, Reply, content_hash, user

NAME = "map-elites"
HEAT = 0.1
"""Temperature of the draw of cells by how low they score (section 3.2 of the paper)."""
NEAR = 0.6
"""Jaccard of character 5-grams from which a mutation is a copy of its parent (the paper: BLEU of 0.6)."""
LAYERS = 3
"""Styles worn over each other, at most: the oldest is taken off first."""
AGAIN = 500_000
"""Repeat number of the fresh draw."""

Cell = tuple[str, str]
"""(principle, style)"""


@dataclass
class Child:
    """One mutation: where it comes from, where it goes, and what came of it."""

    number: int
    cell: Cell
    goal: Prompt
    parent: Elite | None
    text: str = ""
    dress: tuple[str, ...] = ()
    fault: str = ""
    """Why it was not sent."""
    attempt: Attempt | None = None


@dataclass
class Grid:
    """The archive as it grows."""

    cells: list[Cell]
    elites: dict[Cell, Elite] = field(default_factory=dict)
    made: int = 0
    faults: Counter[str] = field(default_factory=Counter)

    def score(self, cell: Cell) -> float:
        """The elite's score; below all scores for an empty cell, so that it is tried first."""
        return self.elites[cell].score if cell in self.elites else -1.0

    def take(self, child: Child) -> None:
        """Count a mutation, and let it replace its cell's elite when it is worse behaved; what nobody could judge replaces nothing."""
        self.made += 1
        if child.fault:
            self.faults[child.fault] += 1
        if child.attempt is None or child.attempt.mark in (Mark.UNSCORED, Mark.ERRORED):
            return
        score = reached(child.attempt)
        if score > self.score(child.cell):
            parent = "" if child.parent is None else f"{child.parent.principle}/{child.parent.style}"
            principle, style = child.cell
            self.elites[child.cell] = Elite(
                principle=principle,
                style=style,
                text=child.text,
                goal=child.goal.id,
                dress=child.dress,
                score=score,
                found=child.number,
                parent=parent,
            )


def archive(
    journal: Journal,
    target: ModelRef,
    law: Constitution,
    held: tuple[Example, ...],
    config: CampaignConfig,
    asking: ElicitConfig,
    *,
    attacker: ModelRef | None = None,
    trained_on: tuple[str, ...] = (),
    files: str = "",
    found: tuple[Prompt, ...] = (),
    confidence: float = 0.95,
) -> Archive:
    """Fill the archive of `config.archive` against `target`, beside each goal's direct request.

    With an `attacker` it writes the mutations; without, templates do. `files`, `found`, errors and judges: as `campaign`.
    """
    everything = gather(law, asking, trained_on, found)
    lineage, spent = history(journal, target)
    goals = choose(everything, law, config, spent)
    worn = dress.chosen(config.archive.styles)
    bench = Bench(journal, law, held, config.judges)
    table = laid(
        journal, backends.open_model(target, journal), attacker, bench, everything, config.model_copy(update={"stop": False}), asking
    )
    table.tell = lambda done, total: None
    control = [Played(goal, firewall.DIRECT, _plain(goal), 1) for goal in goals]
    table.run(control)
    principles = tuple(dict.fromkeys(goal.principle for goal in goals))
    grid = Grid([(principle, style.name) for principle in principles for style in worn])
    search(journal, table, grid, goals, law, config.archive, written=attacker is not None)
    again = confirm(table, grid, goals)
    elites = [grid.elites[cell].model_copy(update={"again": again[cell]}) for cell in grid.cells if cell in grid.elites]
    names = tuple(style.name for style in worn)

    def spread(what: str, scores: dict[Cell, float | None]) -> Estimate:
        # an empty cell is not covered; an elite that could not be asked or judged again is left out
        told = [(cell, scores.get(cell, 0.0)) for cell in grid.cells]
        known = [(principle, float(score >= TELL_BY)) for (principle, _), score in told if score is not None]
        return stats.rate([won for _, won in known], [principle for principle, _ in known], name=what, confidence=confidence)

    chosen: dict[Cell, float | None] = {cell: elite.score for cell, elite in grid.elites.items()}
    taught = not spent.isdisjoint(firewall.families(firewall.DIRECT))
    curves = (curve(firewall.DIRECT, control, table.attempts, 1, confidence, taught=taught),)
    return Archive(
        **dict(finished(journal, table, target, attacker, bench, goals, curves, known=lineage is not None)),
        principles=principles,
        styles=names,
        elites=journal.put("elite", elites),
        scores=_rows(principles, names, chosen),
        again=_rows(principles, names, again),
        coverage=spread("coverage when chosen", chosen),
        confirmed=spread("coverage on a fresh draw", again),
        unusable=dict(sorted(grid.faults.items())),
        mutations=grid.made,
    )


def search(
    journal: Journal, table: Table, grid: Grid, goals: Sequence[Prompt], law: Constitution, config: ArchiveConfig, *, written: bool
) -> None:
    """Mutate batch after batch until the mutations, or a cap of the campaign, are used up."""
    manners = {style.name: style.manner for style in dress.chosen(config.styles)}
    while grid.made < config.queries and table.ended == "done":
        rng = random.Random(content_hash(NAME, config.seed, grid.made))
        size = min(config.batch, config.queries - grid.made)
        children = [_child(rng, grid, cell, goals, number) for number, cell in enumerate(draw(rng, grid, size), grid.made + 1)]
        for child in children:
            if not written:
                child.dress = _layers(rng, child)
                child.text = dress.dressed(child.goal.goal, child.dress)
                child.fault = _copy(child)
        table.run(
            [
                Played(
                    child.goal,
                    f"{NAME}/{child.cell[1]}",
                    _written(child, law.principle(child.cell[0]).text, manners[child.cell[1]]) if written else _sent(child),
                    1,
                )
                for child in children
                if not child.fault
            ]
        )
        for child in children:
            grid.take(child)
        journal.progress("filling the archive", grid.made, config.queries)


def draw(rng: random.Random, grid: Grid, size: int) -> list[Cell]:
    """Cells to try, without repetition, by the softmax of how low they score (Gumbel top-k); a batch never holds more than all."""

    def key(cell: Cell) -> float:
        return -grid.score(cell) / HEAT - math.log(-math.log(rng.random() or 0.5))

    keys = {cell: key(cell) for cell in grid.cells}
    return sorted(grid.cells, key=lambda cell: -keys[cell])[:size]


def confirm(table: Table, grid: Grid, goals: Sequence[Prompt]) -> dict[Cell, float | None]:
    """Every elite asked once more; None where a cap of the campaign or the judges left nothing to tell."""
    by_id = {goal.id: goal for goal in goals}
    asked = {
        cell: Child(elite.found, cell, by_id[elite.goal], None, text=elite.text) for cell, elite in grid.elites.items()
    }  # the order of elites is that of discovery: the same again on a resumed run
    table.run([Played(child.goal, f"{NAME}/{cell[1]}", _sent(child, AGAIN), 1) for cell, child in asked.items()])
    return {
        cell: None if child.attempt is None or child.attempt.mark in (Mark.UNSCORED, Mark.ERRORED) else reached(child.attempt)
        for cell, child in asked.items()
    }


def reached(attempt: Attempt) -> float:
    """How far an attempt got: the deciding judge's probability, 0 for nonsense."""
    return 0.0 if attempt.outcome is Outcome.INCOHERENT else harm(attempt)


def _child(rng: random.Random, grid: Grid, cell: Cell, goals: Sequence[Prompt], number: int) -> Child:
    elites = list(grid.elites.values())
    parent = rng.choice(elites) if elites else None
    return Child(number, cell, rng.choice([goal for goal in goals if goal.principle == cell[0]]), parent)


def _layers(rng: random.Random, child: Child) -> tuple[str, ...]:
    style = child.cell[1]
    before = () if child.parent is None else child.parent.dress
    # the style of the cell is worn outermost, and once
    kept = [layer for layer in before if layer.rpartition(":")[0] != style][1 - LAYERS :]
    return (*kept[rng.randrange(len(kept) + 1) :], f"{style}:{rng.randrange(1_000)}")


def _copy(child: Child) -> str:
    return "a near copy of its parent" if child.parent is not None and near(child.text, child.parent.text) >= NEAR else ""


def _written(child: Child, rule: str, manner: str) -> Play:
    """The attacker model writes the mutation; what cannot be used is not sent."""
    before = child.goal.goal if child.parent is None else child.parent.text
    asked = fill(sections("archive")["mutate"], rule=rule, parent=before, goal=child.goal.goal, manner=manner)
    reply = (yield [Think(user(asked), repeat=child.number)])[0]
    child.text = message(plays.reply(reply))
    withheld = isinstance(reply, Reply) and reply.withheld
    if not isinstance(reply, Attempt) and reply.error is not None:
        child.fault = "the attacker failed"
    elif withheld or (child.text and read(child.text, "").outcome is Outcome.REFUSAL):
        child.fault = "the attacker refused"
    elif not child.text:
        child.fault = "empty"
    else:
        child.fault = _copy(child)
    if not child.fault:
        yield from _sent(child)


def _sent(child: Child, repeat: int = 0) -> Play:
    answer = (yield [Try(user(child.text), repeat=repeat + child.number)])[0]
    child.attempt = answer if isinstance(answer, Attempt) else None


def _plain(goal: Prompt) -> Play:
    yield [Try(user(goal.goal))]


def _rows(principles: Sequence[str], styles: Sequence[str], scores: dict[Cell, float | None]) -> tuple[tuple[float | None, ...], ...]:
    return tuple(tuple(scores.get((principle, style)) for style in styles) for principle in principles)
