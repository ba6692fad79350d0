"""A sitting of one rater at one set: what is put on the screen, and what each key does."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, TextIO

import click

from spiritlevel.cli.chatting import lines, shown
from spiritlevel.demo import one_line
from spiritlevel.raters.shown import Scale, first_of, ordered, preferred
from spiritlevel.raters.store import Labels, now
from spiritlevel.types import Item, Rating


def typed(stream: TextIO) -> Iterator[tuple[str, str]]:
    """(key, the rest) of each answer: single keys from a terminal, a line each from a pipe. Ends with the stream or an interruption."""
    if not stream.isatty():
        for line in lines(stream):
            word, _, rest = line.strip().partition(" ")
            if word:
                yield word.lower(), rest
        return
    try:
        while True:
            key = click.getchar().lower()
            if key in ("\x03", "\x04"):
                return
            yield key, input("  note: ") if key == "n" else ""
    except (EOFError, KeyboardInterrupt):
        return


class Sitting:
    """One rater at one set. What was answered lies in the store alone, so a pause, a kill and a second window lose nothing."""

    def __init__(
        self, labels: Labels, name: str, rater: str, panel: str, scale: Scale, question: str, seed: int, echo: Callable[[str], None]
    ) -> None:
        self.labels, self.name, self.rater, self.scale, self.seed, self.echo = labels, name, rater, scale, seed, echo
        self.items: Sequence[Item] = ordered(labels.items(name), rater, seed)
        mine = [r for r in labels.ratings(name) if r.rater == rater]
        self.said = {r.item: r for r in mine}
        self.panel = panel or (mine[-1].panel if mine else "")
        self.single = self.items[0].b is None
        self.question = question or ("How good is the reply?" if self.single else "Which reply is better?")
        by_id = {item.id: item for item in self.items}
        self.seen = [by_id[i] for i in dict.fromkeys(r.item for r in mine)]
        self.note, self.times = "", list[float]()

    def run(self, answers: Iterator[tuple[str, str]]) -> None:
        """Ask until all is rated, the rater pauses, or the answers end."""
        known = sorted({r.rater for r in self.labels.ratings(self.name)})
        if not self.said and known:
            self.echo(f"a new rater, {self.rater!r}; raters so far: {', '.join(map(repr, known))}")
        if not (item := self._next()):
            self.echo(f"all {len(self.items)} items are rated by {self.rater!r}; see: spiritlevel raters report {self.name}")
            return
        began = self._show(item)
        for key, rest in answers:
            if key == "q":
                break
            if key == "b":
                item = self._back(item)
                began = self._show(item)
            elif key == "n":
                self.note = rest.encode("utf-8", "replace").decode()
                self.echo("  noted; it goes with your answer to this item")
            elif (value := self._value(key)) is not False:
                self._keep(item, None if value is True else value, time.monotonic() - began)
                if not (following := self._next()):
                    self.echo(f"all {len(self.items)} items are rated; see: spiritlevel raters report {self.name}")
                    return
                item, began = following, self._show(following)
        self.echo(f"paused at {len(self.said)} of {len(self.items)}; go on with the same command")

    def _next(self) -> Item | None:
        return next((item for item in self.items if item.id not in self.said), None)

    def _back(self, item: Item) -> Item:
        place = self.seen.index(item) if item in self.seen else len(self.seen)
        if not place:
            self.echo("  there is nothing before this one")
            return item
        return self.seen[place - 1]

    def _value(self, key: str) -> float | bool:
        """The answer as shown: a place or number, 0.5 a tie; True cannot say; False no answer."""
        if key == "s":
            return True
        if self.single and key.isascii() and key.isdecimal() and len(key) == 1 and self.scale.low <= int(key) <= self.scale.high:
            return float(key)
        if not self.single and key in ("1", "2", "0", "="):
            return {"1": 1.0, "2": 2.0}.get(key, 0.5)
        self.echo(f"  {one_line(key, 20)!r} is no answer; {self._keys()}")
        return False

    def _keep(self, item: Item, said: float | None, seconds: float) -> None:
        first = self._first(item)
        if said is not None and self.single:
            said = self.scale.value(int(said))
        elif said is not None and said != 0.5:
            said = preferred(int(said), first)
        label = Rating(
            item=item.id,
            rater=self.rater,
            panel=self.panel,
            value=said,
            first=first,
            at=now(),
            seconds=round(seconds, 3),
            note=self.note,
        )
        self.labels.rate(self.name, [label])
        if item.id not in self.said:
            self.seen.append(item)
        self.said[item.id], self.note = label, ""
        self.times.append(seconds)

    def _first(self, item: Item) -> Literal["a", "b", "alone"]:
        return self.said[item.id].first if item.id in self.said else first_of(item, self.rater, self.seed)

    def _show(self, item: Item) -> float:
        """Put an item on the screen; returns when."""
        before = self.said.get(item.id)
        again = "; answered before, a new answer takes its place" if before else ""
        self.echo(click.style(f"\n--- {len(self.said)} of {len(self.items)} rated{self._left()}{again}", dim=True))
        for turn in item.chat:
            self._block(turn.role, turn.content, False)
        sides = [(item.a, item.a_truncated), (item.b or "", item.b_truncated)]
        if self.single:
            self._block("reply", *sides[0])
        else:
            for place, (text, cut) in enumerate(sides if self._first(item) == "a" else sides[::-1], 1):
                self._block(f"[{place}]", text, cut)
        self.echo(f"{one_line(self.question, 400)} {self._keys()}")
        return time.monotonic()

    def _block(self, title: str, text: str, cut: bool) -> None:
        """A text with a bar before every line, so that no reply can pass for a heading of ours."""
        self.echo(click.style(title, bold=True))
        for line in shown(text).split("\n") if text.strip() else ["(empty)"]:
            self.echo(f"  | {line}")
        if cut:
            self.echo("  (cut at its length limit)")

    def _left(self) -> str:
        if len(self.times) < 3:
            return ""
        middle = sorted(self.times)[len(self.times) // 2]
        return f", about {max(1, round(middle * (len(self.items) - len(self.said)) / 60))} min left"

    def _keys(self) -> str:
        kinds = f"{self.scale.name}" if self.single else "1, 2, = tie"
        return f"({kinds}, s cannot say, b back, n note, q pause)"
