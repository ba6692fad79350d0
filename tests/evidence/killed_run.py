"""Run by test_kill.py: forks a scripted run again and again, kills it with SIGKILL, and prints what came out as JSON."""

import json
import os
import random
import signal
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from spiritlevel.evidence import open_existing, open_run
from spiritlevel.types import Ask, Frozen, Journal, Lineage, Reply, RowSet, Side, Use, user

CALLS = "SPIRITLEVEL_TEST_CALLS"


class Asked(Frozen):
    local: RowSet
    hosted: RowSet


class Trained(Frozen):
    blob: str
    told: RowSet


def answer(where: str, wait: float):
    def work(units: Sequence[Ask]) -> Iterable[tuple[int, Reply]]:
        for place, ask in enumerate(units):
            time.sleep(wait)
            with Path(os.environ[CALLS]).open("a") as calls:
                calls.write(f"{where} {ask.chat[-1].content}\n")
            yield place, Reply(text=f"to {ask.chat[-1].content}: \x00", tokens_out=1)

    return work


def elicit(journal: Journal, size: int, side: Side) -> Asked:
    asks = [Ask(chat=user(f"{side} {n} {'word ' * (n * 7 % 5)}")) for n in range(size)]
    local = journal.map("reply", asks, answer("local", 0.001), Reply, batch=4, salt="local")
    hosted = journal.map("reply", asks[: size // 2], answer("hosted", 0.003), Reply, salt="hosted")
    return Asked(local=local, hosted=hosted)


def train(journal: Journal, seen: Asked) -> Trained:
    journal.spend([Use(model="run:x", atom=f"cluster:{n}", how="train") for n in range(3)])
    state = journal.scratch("slots") / "state"
    done = int(state.read_text() or 0) if state.exists() else 0
    while done < 10:
        time.sleep(0.004)
        done += 1
        state.with_suffix(".new").write_text(str(done))
        state.with_suffix(".new").replace(state)

    def write(folder: Path) -> None:
        for part in range(4):
            time.sleep(0.004)
            (folder / f"part{part}").write_bytes(bytes([part]) * 1000)

    blob = journal.blob(write)
    journal.record(Lineage(weights=blob, body="b" * 8, history="known"))
    told = journal.put("told", journal.rows(seen.hosted, Reply))
    return Trained(blob=blob, told=told)


def workload(root: Path) -> None:
    os.environ[CALLS] = str(root / "calls.txt")
    with open_run(root, "killed", "0" * 32, "size: 24\n") as run:
        seen = run.step(elicit, 24, Side.TEACH)
        run.step(train, seen)
        run.step(elicit, 16, Side.OPEN)


def forked(root: Path, after: float | None) -> bool:
    """Run the workload in a child; True when it ended by itself."""
    child = os.fork()
    if child == 0:
        try:
            workload(root)
            os._exit(0)
        except BaseException as fault:
            print(f"{type(fault).__name__}: {fault}", file=sys.stderr, flush=True)
            os._exit(1)
    if after is not None:
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit("a resumed run failed")
    return os.WIFEXITED(status)


def outcome(root: Path, kills: int) -> dict[str, object]:
    with open_existing(root, "killed") as run:
        (cost, *_) = (step.cost for step in run.steps())
        found = {"digest": run.digest(), "counts": run.counts(), "kills": kills, "tokens": cost.tokens_out}
    calls = (root / "calls.txt").read_text().split("\n")[:-1]
    left = [p.name for p in (root / "runs/killed/scratch").rglob("*") if p.is_file()]
    blobs = sorted(p.name for p in (root / "runs/killed/blobs").iterdir())
    return found | {
        "hosted": sum(c.startswith("hosted") for c in calls),
        "distinct": len(set(calls)),
        "left": left,
        "blobs": blobs,
    }


def main(home: Path, kills: int) -> None:
    draw = random.Random(20)
    (home / "whole").mkdir()
    begun = time.monotonic()
    forked(home / "whole", None)
    life = time.monotonic() - begun
    results = [outcome(home / "whole", 0)]
    given = 0
    while given < kills:
        root = home / f"run{len(results)}"
        root.mkdir()
        mine, ended = 0, False
        while not ended and given < kills and mine < 7:
            ended = forked(root, draw.uniform(0, life / 3))
            mine += not ended
            given += not ended
        forked(root, None)
        results.append(outcome(root, mine))
    print(json.dumps(results))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
