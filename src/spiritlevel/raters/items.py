"""What is put before raters, and what their labels become."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from spiritlevel import jsonl
from spiritlevel.errors import DataError
from spiritlevel.raters.files import answer_of, chat_of, read_preferences, rows
from spiritlevel.raters.store import latest
from spiritlevel.types import Chat, Item, Pair, Preference, Rating, content_hash, user

NEEDS = "prompt, a and b; or prompt and reply; or a preference pair"


def read_items(path: Path | str) -> list[Item]:
    """Items of a file: {prompt, a, b}, {prompt, reply} (also `id`, `group`, `principle`, `source`), or any form of preferences.

    The same item twice is one. DataError names the line that cannot be read, or a repeated id that stands for something else.
    """
    where = str(path)
    if where.startswith("hf:"):
        return of_preferences(read_preferences(where))
    found: dict[str, Item] = {}
    for number, row in rows(Path(path), NEEDS):
        if "a" not in row and "reply" not in row:
            if found:
                raise DataError(f"{where}:{number}: not a row with {NEEDS} as those before it; correct or remove it")
            return of_preferences(read_preferences(path))
        try:
            item = _item(row)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            raise DataError(f"{where}:{number}: not a row with {NEEDS}; correct or remove it") from None
        if (first := found.setdefault(item.id, item)) != item:
            raise DataError(f"{where}:{number}: id {first.id!r:.60} stands for another item further up; give each its own id, or none")
    if not found:
        raise DataError(f"{where!r} holds no items; give rows with {NEEDS}")
    return list(found.values())


def of_preferences(preferences: Iterable[Preference]) -> list[Item]:
    """Pairs without their label: a hash decides which reply is `a`, so that the place of the chosen one says nothing."""
    found: dict[str, Item] = {}
    for one in preferences:
        sides = [(one.chosen, one.chosen_truncated), (one.rejected, one.rejected_truncated)]
        item = _pair(one.chat, sides, one.principle, one.cluster, one.source)
        found.setdefault(item.id, item)
    return list(found.values())


def of_pairs(pairs: Iterable[Pair], source: str) -> list[Item]:
    """Before and after of a run as items; a hash decides which is `a`."""
    found: dict[str, Item] = {}
    for one in pairs:
        sides = [(one.before, False), (one.after, False)]
        item = _pair(user(one.prompt.text), sides, one.prompt.principle, one.prompt.cluster, source)
        found.setdefault(item.id, item)
    return list(found.values())


def preferences(items: Sequence[Item], ratings: Sequence[Rating]) -> tuple[list[Preference], Counter[str]]:
    """One preference a rated pair: `sure` is the raters' mean, `by` their names. Counted: used, and why others are left out.

    A tie by one rater enters the mean; a tied mean is no preference. DataError: items on a scale.
    """
    by_item: dict[str, list[Rating]] = {}
    for rating in latest(ratings):
        by_item.setdefault(rating.item, []).append(rating)
    found, counts = list[Preference](), Counter[str]()
    for item in items:
        if item.b is None:
            raise DataError("the set holds single replies on a scale, which make no pairs; export it as jsonl")
        told = [r for r in by_item.get(item.id, []) if r.value is not None]
        mean = sum(r.value or 0.0 for r in told) / len(told) if told else 0.5
        if not told:
            counts["could not say" if item.id in by_item else "not rated"] += 1
        elif item.a == item.b:
            counts["identical replies"] += 1
        elif mean == 0.5:
            counts["tied"] += 1
        else:
            counts["used"] += 1
            found.append(_preference(item, mean, sorted({r.rater for r in told})))
    return found, counts


def oddities(items: Sequence[Item]) -> list[str]:
    """What to know of items before they are rated, one sentence each."""
    same = sum(item.a == item.b for item in items)
    empty = sum(not item.a.strip() or (item.b is not None and not item.b.strip()) for item in items)
    ungrouped = sum(not item.group for item in items)
    notes = []
    if same:
        notes.append(f"{same} pairs of identical replies: kept, and asked; a rater who prefers one tells of the rater")
    if empty:
        notes.append(f"{empty} items with an empty reply: kept, and shown as (empty)")
    if ungrouped:
        share = "no item has" if ungrouped == len(items) else f"{ungrouped} items have no"
        notes.append(f"{share} group: items of one prompt count as one there (the prompt's hash); near copies of a prompt count apart")
    return notes


def _pair(chat: Chat, sides: list[tuple[str, bool]], principle: str, group: str, source: str) -> Item:
    (a, a_cut), (b, b_cut) = sorted(sides, key=lambda side: content_hash("side", *chat, side[0]))
    return Item(
        id=content_hash(*chat, "pair", a, b),
        chat=chat,
        a=a,
        b=b,
        a_truncated=a_cut,
        b_truncated=b_cut,
        principle=principle,
        group=group,
        source=source,
    )


def _item(row: dict[str, Any]) -> Item:
    chat = chat_of(row["prompt"])
    replies = [answer_of(row["a"]), answer_of(row["b"])] if "a" in row else [answer_of(row["reply"])]
    return Item(
        id=jsonl.text(row.get("id") or "") or content_hash(*chat, "pair" if "a" in row else "reply", *replies),
        chat=chat,
        a=replies[0],
        b=replies[1] if "a" in row else None,
        a_truncated=row.get("a_truncated", row.get("truncated")) in (True, "true", "True", "1"),
        b_truncated=row.get("b_truncated") in (True, "true", "True", "1"),
        principle=jsonl.text(row.get("principle") or ""),
        group=str(row.get("group") or row.get("cluster") or ""),
        source=jsonl.text(row.get("source") or ""),
    )


def _preference(item: Item, mean: float, raters: list[str]) -> Preference:
    b = item.b or ""
    sides = [(item.a, item.a_truncated), (b, item.b_truncated)]
    (chosen, chosen_cut), (rejected, rejected_cut) = sides if mean > 0.5 else sides[::-1]
    return Preference(
        chat=item.chat,
        chosen=chosen,
        rejected=rejected,
        by=", ".join(raters),
        sure=max(mean, 1 - mean),
        principle=item.principle,
        cluster=item.group,
        source=item.source,
        chosen_truncated=chosen_cut,
        rejected_truncated=rejected_cut,
    )
