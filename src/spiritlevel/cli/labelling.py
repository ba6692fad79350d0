"""Sets of items and labels in and out of files, and the report of a panel on the screen."""

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from spiritlevel import jsonl
from spiritlevel.cli import runs
from spiritlevel.demo import one_line
from spiritlevel.errors import ConfigError, DataError, MissingStage
from spiritlevel.evidence import open_existing
from spiritlevel.raters import items as making
from spiritlevel.raters import sheet
from spiritlevel.raters.beside import of_machines, of_people, side_by_side
from spiritlevel.raters.files import write_preferences
from spiritlevel.raters.shown import scale_of
from spiritlevel.raters.store import Labels
from spiritlevel.types import Bias, Compared, Estimate, Item, MachineSeen, Pair, Panel, Rating


class Brought(NamedTuple):
    """What an import says, and one sentence for each line that it could not read."""

    lines: list[str]
    faults: list[str]


def bring(home: Path, name: str, file: str, rater: str, panel: str) -> Brought:
    """Items, labels of a sheet, or an export, whatever the file holds."""
    labels, path = Labels(home), Path(file)
    if sheet.is_sheet(path):
        filled = sheet.read(path, labels.items(name), rater, panel)
        new = labels.rate(name, filled.ratings)
        return Brought([f"{new} new labels of {len(filled.ratings)} in {file}; {filled.blank} rows are blank"], filled.faults)
    if _is_export(path):
        items, ratings = _export(path)
        added = labels.add(name, items)
        return Brought([f"{added} new items, {labels.rate(name, ratings)} new labels from {file}"], [])
    return _added(labels, name, making.read_items(file))


def of_run(home: Path, name: str, run: str) -> Brought:
    """Pairs of a run before and after, of its open side alone: what people say of them may not open the sealed one."""
    with open_existing(Path(), run, url=runs.database()) as evidence:
        compared = runs.value_of(evidence, "measure:open")
        if not isinstance(compared, Compared):
            raise MissingStage(f"run {run!r:.60} has compared nothing yet; run: spiritlevel measure --run {run}")
        pairs = making.of_pairs(evidence.rows(compared.pairs, Pair), f"run:{evidence.name}")
    return _added(Labels(home), name, pairs)


def _added(labels: Labels, name: str, items: Sequence[Item]) -> Brought:
    new = labels.add(name, items)
    kind = "single replies" if items[0].b is None else "pairs"
    lines = [f"{new} new {kind} of {len(items)} in set {name}; rate them with: spiritlevel rate {name} --rater NAME"]
    return Brought([*lines, *(f"note: {note}" for note in making.oddities(items))], [])


def take(home: Path, name: str, form: str, rater: str, scale: str, seed: int, whose: str, out: Path) -> Iterator[str]:
    """Write a set; nothing is written over."""
    labels = Labels(home)
    items, ratings = labels.items(name), labels.ratings(name)
    if out.exists() or not out.parent.is_dir():
        raise ConfigError(f"{str(out)!r} is there already or lies in no folder; choose another name with --out")
    if form == "csv":
        # the mark lets spreadsheets know UTF-8
        out.write_text(sheet.write(items, ratings, rater, seed, scale_of(scale)), "utf-8-sig", newline="")
        yield f"{len(items)} rows -> {out}; fill it in, then: spiritlevel raters import {name} {out}{'' if rater else ' --rater NAME'}"
    elif form == "jsonl":
        rows = [{"item": item.model_dump()} for item in items] + [{"rating": r.model_dump()} for r in ratings]
        out.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8", newline="\n")
        yield f"{len(items)} items, {len(ratings)} labels with their history -> {out}"
    else:
        kinds = {"people": of_people(ratings), "machines": of_machines(ratings)}
        found, counts = making.preferences(items, kinds.pop(whose))
        if not found:
            ((other, theirs),) = kinds.items()
            hint = (
                f"there are labels of the other kind: --of {other}" if theirs else f"rate some first: spiritlevel rate {name} --rater NAME"
            )
            raise DataError(f"set {name!r} holds no preference of {whose} yet; {hint}")
        left = ", ".join(f"{n} {why}" for why, n in sorted(counts.items()) if why != "used")
        yield f"{write_preferences(out, found)} preferences -> {out}{f'; left out: {left}' if left else ''}"


def table(home: Path) -> Iterator[str]:
    """A line a set."""
    found = Labels(home).sets()
    if not found:
        yield "no sets yet; make one with: spiritlevel raters import SET FILE"
    for one in found:
        kind = "single" if one.scale else "pairs"
        yield f"{one.name:24} {one.items:6} {kind:7} {one.ratings:6} labels  {', '.join(one.raters) or 'not rated yet'}"


def told(home: Path, name: str, keyword: str, seed: int) -> Iterator[str]:
    """The report of a set: agreement, ceiling, leans, each rater, groups apart, what is worth another rating."""
    labels = Labels(home)
    items = labels.items(name)
    ratings = labels.ratings(name)
    found, by_id = side_by_side(items, ratings, keyword=keyword, seed=seed), {item.id: item for item in items}
    if found.people is not None:
        yield from shown(found.people, by_id)
    if found.machines is not None:
        yield f"\nMACHINES{', apart: nothing above is of theirs' if found.people is not None else '; no person has rated this set'}"
        # what a machine is unsure of is no reason to ask people again
        yield from shown(found.machines.model_copy(update={"second": ()}), by_id)
        yield from beside(found.beside, found.machines.scale)
    ungrouped = sum(not item.group for item in items)
    if ungrouped:
        yield f"note: {ungrouped} of {len(items)} items have no group; those of one prompt count as one (the prompt's hash)"


def beside(machines: Sequence[MachineSeen], scale: bool) -> Iterator[str]:
    """Each machine held against people."""
    if machines:
        yield "\neach machine beside people" + ("'s mean" if scale else "'s majority (each order for itself)")
        yield f"  {'rater':20} {'alpha' if scale else 'kappa':30}{'' if scale else '  agrees                          turned by order'}"
    for one in machines:
        more = "" if scale else f"  {_span(one.agrees):30}  {_span(one.turned)}"
        yield f"  {_name(one.rater):20} {_span(one.kappa):30}{more}".rstrip()


def shown(panel: Panel, items: dict[str, Item]) -> Iterator[str]:
    """A panel as lines for the terminal."""
    kind = "single replies" if panel.scale else "pairs"
    raters = f"{len(panel.raters)} rater{'s' * (len(panel.raters) != 1)}"
    yield f"{panel.items} {kind}, {panel.ratings} labels by {raters}; {panel.could_not_say} could not say"
    yield f"agreement (Krippendorff's alpha)   {_span(panel.alpha)}"
    yield f"ceiling (a label from the others')  {_span(panel.ceiling)}"
    yield from (f"  kappa {_name(a)} and {_name(b)}: {_number(k)} (n = {n})" for a, b, k, n in panel.kappa)
    if not panel.scale:
        yield "\nleans (log-odds for one SD more; position: for being shown first)"
        yield from _leans(panel.biases)
        if not any(bias.named for bias in panel.biases):
            yield "  none is named: at this size, nothing was found beyond chance"
    last = "below others" if panel.scale else "pull to 1st"
    head = f"{'rater':20} {'kind':9} {'panel':10} {'labels':>6}  {'agrees with the others':30} {'right':>5}  {last:>12}"
    yield f"\n{head}{'' if panel.scale else '  first shown preferred'}"
    for r in panel.raters:
        first = "" if panel.scale else _span(r.first)
        yield (
            f"{_name(r.rater):20} {r.by:9} {_name(r.panel):10} {r.labels:6}  {_span(r.agrees):30} {_number(r.right):>5}  "
            f"{_number(r.severity):>12}  {first}"
        )
    for group in panel.panels:
        yield f"\npanel {_name(group.panel) or '(none)'}: {group.raters} raters, alpha {_span(group.alpha)}"
        yield from _leans(group.biases)
    if panel.between is not None and panel.between_p is not None:
        yield f"the two largest panels differ on a share of {_span(panel.between)} of what both rated (p = {panel.between_p:.3f})"
    if panel.second:
        yield "\nworth a second rating"
        yield from (f"  {_name(i)}  {doubt:.2f}  {one_line(items[i].chat[-1].content, 80)}" for i, doubt in panel.second)
    yield from (f"note: {note}" for note in panel.notes)


def _leans(biases: Sequence[Bias]) -> Iterator[str]:
    for bias in biases:
        yield f"  {bias.name:12} {_span(bias.lean):34} p = {_number(bias.p, 4)}{'  NAMED' if bias.named else ''}"


def _span(e: Estimate) -> str:
    if e.n == 0 or not all(map(math.isfinite, (e.value, e.low, e.high))):
        return "not measured"
    return f"{e.value:.2f} ({e.low:.2f} to {e.high:.2f}, n = {e.n})"


def _number(value: float, digits: int = 2) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def _name(text: str) -> str:
    return one_line(text, 40)


def _is_export(path: Path) -> bool:
    if path.suffix != ".jsonl" or not path.is_file():
        return False
    with path.open(encoding="utf-8", errors="replace") as stream:
        try:
            row = json.loads(next((line for line in stream if line.strip()), ""))
        except (ValueError, RecursionError):
            return False
    return isinstance(row, dict) and isinstance(row.get("item"), dict)


def _export(path: Path) -> tuple[list[Item], list[Rating]]:
    items, ratings = list[Item](), list[Rating]()
    for one in jsonl.read(path, _labelled, "an item or a rating, as spiritlevel raters export wrote it"):
        (items if isinstance(one, Item) else ratings).append(one)  # type: ignore[arg-type]
    return items, ratings


def _labelled(row: dict[str, object]) -> Item | Rating:
    return Item.model_validate(row["item"]) if "item" in row else Rating.model_validate(row["rating"])
