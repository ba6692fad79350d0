"""Progress with time left, on standard error; silent when it is not a terminal that can redraw."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Listener = Callable[[str, int, int], None]
SHOW_AFTER = 2.0
"""Seconds before a bar is worth drawing."""


@contextmanager
def bars(quiet: bool) -> Iterator[Listener | None]:
    """A listener (label, done, total) that draws bars; None when quiet. Off a terminal, a line every ten seconds."""
    if quiet:
        yield None
        return
    if not sys.stderr.isatty():
        yield _lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        tasks: dict[str, tuple[float, int | None]] = {}
        ids: dict[str, object] = {}

        def listen(label: str, done: int, total: int) -> None:
            began, _ = tasks.setdefault(label, (time.monotonic(), None))
            if label not in ids:
                if done >= total and time.monotonic() - began < SHOW_AFTER:
                    tasks.pop(label)
                    return
                ids[label] = progress.add_task(label or "working", total=total)
            progress.update(ids[label], completed=done, total=total)  # type: ignore[arg-type]
            if done >= total:
                ids.pop(label)
                tasks.pop(label)

        yield listen


def _lines() -> Listener:
    began: dict[str, float] = {}
    said: dict[str, float] = {}

    def listen(label: str, done: int, total: int) -> None:
        now = time.monotonic()
        start = began.setdefault(label, now)
        if done >= total:
            began.pop(label)
            if said.pop(label, None) is not None:
                print(f"{label}: {done}/{total} in {now - start:.0f} s", file=sys.stderr, flush=True)
        elif now - said.get(label, start) >= 10:
            said[label] = now
            left = (now - start) / max(done, 1) * (total - done)
            print(f"{label}: {done}/{total}, about {left:.0f} s left", file=sys.stderr, flush=True)

    return listen
