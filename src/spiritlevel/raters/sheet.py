"""A set as a CSV sheet that people fill in with other tools, and back.

Columns: item, rater, prompt; of a pair first, second, better (1, 2, = or 0 for a tie, s cannot say); of one reply reply, scale, score
(a number of the scale, or s); note. The code in `item` keeps which reply was put first.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from spiritlevel.errors import DataError
from spiritlevel.raters.shown import SCALES, Scale, first_of, ordered, place_of, preferred
from spiritlevel.raters.store import latest
from spiritlevel.types import Chat, Item, Rating, content_hash

PAIR = ("item", "rater", "prompt", "first", "second", "better", "note")
SINGLE = ("item", "rater", "prompt", "reply", "scale", "score", "note")
ACTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠")
"""Beginnings that a spreadsheet may take for a formula."""
LONGEST = 10_000_000
"""Characters of one cell; above the csv module's own bound, which a long reply breaks."""
SIDES: tuple[Literal["a", "b", "alone"], ...] = ("a", "b", "alone")


class Filled(NamedTuple):
    """What a sheet holds: labels, how many rows are still blank, and one sentence for each line that cannot be read."""

    ratings: list[Rating]
    blank: int
    faults: list[str]


def write(items: Sequence[Item], ratings: Sequence[Rating], rater: str, seed: int, scale: Scale) -> str:
    """The sheet of one rater (or, with no name, a blank one), in an order and with sides of their own; what they said is filled in."""
    out = io.StringIO(newline="")
    lines = csv.writer(out)
    said = {r.item: r for r in latest(ratings) if r.rater == rater} if rater else {}
    single = items[0].b is None
    lines.writerow(SINGLE if single else PAIR)
    for item in ordered(items, rater, seed):
        before = said.get(item.id)
        first = before.first if before is not None else first_of(item, rater, seed)
        value, note = (before.value, before.note) if before is not None else (None, "")
        skipped = "s" if before is not None and value is None else ""
        a, b = (reply + " [cut]" * cut for reply, cut in ((item.a, item.a_truncated), (item.b or "", item.b_truncated)))
        shown = [a, scale.name, skipped or scale.said(value)] if single else [*((a, b) if first == "a" else (b, a))]
        cells = [code(item, first), rater, written(item.chat), *shown, *([] if single else [skipped or place_of(value, first)]), note]
        lines.writerow([harmless(cell) for cell in cells])
    return out.getvalue()


def is_sheet(path: Path) -> bool:
    """Whether a file's first line has the columns of a sheet."""
    if path.suffix.lower() not in (".csv", ".tsv", ".txt") or not path.is_file():
        return False
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
        head = _names(stream.readline())
    return "item" in head and ("better" in head or "score" in head)


def read(path: Path, items: Sequence[Item], rater: str = "", panel: str = "") -> Filled:
    """Labels of a sheet, each row for itself. `rater` stands in for an empty column. Times are left to the store."""
    before = csv.field_size_limit(LONGEST)
    try:
        return _read(path, {code(item, side): (item, side) for item in items for side in SIDES}, rater, panel)
    finally:
        csv.field_size_limit(before)


def code(item: Item, first: str) -> str:
    """Names an item and which reply is put first, without saying it to a reader."""
    return f"{item.id}.{content_hash('shown', item.id, first)[:6]}"


def harmless(text: str) -> str:
    """Text that no spreadsheet takes for a formula; `restored` gives it back."""
    return f"'{text}" if _acts(text.lstrip("'")) else text


def restored(text: str) -> str:
    """What was written as `harmless`."""
    return text[1:] if text.startswith("'") and _acts(text.lstrip("'")) else text


def written(chat: Chat) -> str:
    """A chat as one cell: the text of a single question, else every turn with its role."""
    if len(chat) == 1 and chat[0].role == "user":
        return chat[0].content
    return "\n\n".join(f"{turn.role}: {turn.content}" for turn in chat)


def _acts(text: str) -> bool:
    return text.startswith(ACTS) or text.lstrip().startswith(ACTS)


def _names(line: str) -> list[str]:
    return [cell.strip().lower() for cell in next(csv.reader([line], delimiter=_delimiter(line)), [])]


def _delimiter(line: str) -> str:
    """Spreadsheets of some countries write semicolons."""
    return max(",;\t", key=line.count)


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str] | None]]:
    """(line on which the row begins, cells by column); None for one that is no row."""
    text = path.read_bytes().decode("utf-8-sig", "replace").replace("\0", "�")
    stream = io.StringIO(text, newline="")
    head = _names(text.split("\n", 1)[0])
    reader = csv.reader(stream, delimiter=_delimiter(text.split("\n", 1)[0]))
    begins = 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error:
            cells = []
        if cells is None:
            return
        if begins > 1 and any(cell.strip() for cell in cells):
            yield begins, dict(zip(head, cells, strict=True)) if len(cells) == len(head) else None
        begins = reader.line_num + 1


def _read(path: Path, codes: dict[str, tuple[Item, Literal["a", "b", "alone"]]], rater: str, panel: str) -> Filled:
    if not path.is_file():
        raise DataError(f"sheet {str(path)!r} does not exist; correct its name")
    found: dict[tuple[str, str], tuple[int, Rating]] = {}
    twice: set[tuple[str, str]] = set()
    blank, faults = 0, list[str]()
    for line, row in _rows(path):
        try:
            rating = None if row is None else _rating(row, codes, rater, panel)
            if row is None:
                raise DataError("has another number of cells than the first line, or a quote that does not end; correct it")
        except DataError as fault:
            faults.append(f"{path}:{line}: {fault}")
            continue
        if rating is None:
            blank += 1
            continue
        key = (rating.item, rating.rater)
        if key not in found:
            found[key] = (line, rating)
        elif (rating.value, rating.note) != (found[key][1].value, found[key][1].note):
            twice.add(key)
            faults.append(f"{path}:{line}: answers item {rating.item!r:.60} otherwise than line {found[key][0]}; keep one: neither counts")
    return Filled([r for key, (_, r) in found.items() if key not in twice], blank, faults)


def _rating(row: dict[str, str], codes: dict[str, tuple[Item, Literal["a", "b", "alone"]]], rater: str, panel: str) -> Rating | None:
    """One row's label; None while it is blank. DataError says what is wrong with it."""
    own = {name: restored(row.get(name, "")) for name in ("item", "rater", "better", "score", "scale", "note")}
    answer, who = (own["better"] or own["score"]).strip().lower(), own["rater"].strip() or rater
    if not answer and not own["note"].strip():
        return None
    if any("�" in own[name] for name in own):
        raise DataError("is not UTF-8 in a column of ours; save the sheet as CSV in UTF-8")
    if own["item"].strip() not in codes:
        raise DataError(f"item {own['item']!r:.80} is not in the set, or its code was changed; leave that column as it was")
    if not who:
        raise DataError("names no rater; fill the column `rater` or give --rater NAME")
    if not answer:
        raise DataError("has a note and no answer; answer it, with s if you cannot say")
    item, first = codes[own["item"].strip()]
    return Rating(
        item=item.id,
        rater=who,
        panel=panel,
        value=_value(answer, own["scale"].strip(), first),
        first=first,
        note=own["note"],
    )


def _value(answer: str, scale: str, first: str) -> float | None:
    answer = answer.removesuffix(".0")  # a spreadsheet's number
    if answer == "s":
        return None
    if first != "alone":
        if answer not in ("1", "2", "0", "="):
            raise DataError(f"better is {answer!r:.40}; write 1, 2, = for a tie, or s if you cannot say")
        return 0.5 if answer in "0=" else preferred(int(answer), first)
    if scale not in SCALES:
        raise DataError(f"scale is {scale!r:.40}; it is one of {', '.join(SCALES)}: leave that column as it was")
    known = SCALES[scale]
    if not (answer.isascii() and answer.isdecimal() and known.low <= int(answer[:4]) <= known.high):
        raise DataError(f"score is {answer!r:.40}; write a whole number of {known.name}, or s if you cannot say")
    return known.value(int(answer))
