"""`spiritlevel constitution check`: every fault of form at once, and counts that are too small."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from spiritlevel.constitution.loading import examples, gather, root_of, stems
from spiritlevel.constitution.model import Constitution, Example
from spiritlevel.constitution.reading import Faults

MIN_EACH = 16
"""Violating and following examples a principle needs, over both halves."""
MIN_PAIRS = 4
"""Prompts a principle needs that have both a violating and a following reply."""


def check(folder: Path | str | None = None) -> tuple[Constitution | None, list[str]]:
    """The constitution (None if unreadable) and all faults of form: `file:line: what, and what to do`."""
    root = root_of(folder)
    faults = Faults()
    law = gather(root, faults)
    ids = stems(root)
    certify = examples(root / "certify", ids, faults)
    taught = law.teach if law else examples(root / "teach", ids, Faults())  # a policy that cannot be read is no fault of theirs
    for id in sorted(ids):
        teach = [e for e in taught if e.principle == id]
        _counts(root, id, teach, [e for e in certify if e.principle == id], faults)
    _apart(root, taught, certify, faults)
    return law, faults.found


def _apart(root: Path, teach: Sequence[Example], certify: Sequence[Example], faults: Faults) -> None:
    """The halves share no scenario and no near-duplicate prompt: a judge fitted to what training saw cannot certify."""
    from spiritlevel import firewall

    ids = firewall.clusters([e.prompt for e in (*teach, *certify)])
    taught = {cluster: e for e, cluster in zip(teach, ids, strict=False)}
    groups = {e.group for e in teach}
    said: set[str] = set()
    for e, cluster in zip(certify, ids[len(teach) :], strict=True):
        path = root / "certify" / f"{e.principle}.md"
        if e.prompt not in said and cluster in taught:
            other = taught[cluster]
            same = "stands in both halves" if other.prompt == e.prompt else f"is nearly {other.prompt[:50]!r} of the teach half"
            faults.add(path, 1, f"prompt {e.prompt[:50]!r} {same}; keep it in one")
        if e.group in groups and e.group not in said:
            faults.add(path, 1, f"group {e.group.partition('/')[2]!r} stands in both halves; keep a scenario in one")
        said |= {e.prompt, e.group}


def _counts(root: Path, id: str, teach: list[Example], certify: list[Example], faults: Faults) -> None:
    path = root / "principles" / f"{id}.md"
    both = [*teach, *certify]
    if not teach or not certify:
        half = "teach" if not teach else "certify"
        faults.add(root / half / f"{id}.md", 1, f"principle {id!r} has no examples in {half}/; write some")
        return
    for violating in (True, False):
        n, word = sum(e.violating == violating for e in both), "violating" if violating else "following"
        if n < MIN_EACH:
            faults.add(path, 1, f"principle {id!r} has {n} {word} examples; write at least {MIN_EACH}")
    labels = Counter((e.group, e.prompt) for e in {(e.group, e.prompt, e.violating): e for e in both}.values())
    if (pairs := sum(n == 2 for n in labels.values())) < MIN_PAIRS:
        faults.add(path, 1, f"principle {id!r} has {pairs} prompts with replies of both kinds; write at least {MIN_PAIRS}")
    if not any(e.kind != "harmful" for e in both):
        faults.add(path, 1, f"principle {id!r} has no harmless look-alike; write some, or the model learns to refuse words")
