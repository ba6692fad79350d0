"""The guard's README.md: what it is, how to call it, its figures, what it was made of, where it ends. Valid Hub metadata."""

from collections import Counter
from collections.abc import Iterator

from spiritlevel.guard.values import About, Limit
from spiritlevel.types import Estimate

LIMITS = """- It has read requests in English, most of them a sentence or two long, written by the constitution's authors. Other languages,
  code, encodings and long documents are outside what it was fitted to. Text longer than a window is read in windows and the worst
  counts, so a long text has more chances of a false alarm than the promise covers.
- A prompt is read whole and sentence by sentence, and the worst counts. A request that is joined to other words without an end of
  sentence is read with them and can hide; so can one whose states the deployment hands over, since they are the whole text's alone.
- The promise of few false alarms holds for instructions like those that it was set on, and for no others. Measure your own traffic:
  `spiritlevel guard report DIR --prompts FILE`.
- It gives a chance that people would call a request forbidden. It cannot see what a user will do, and it stops no determined attacker.
- It was fitted to what its makers thought of. Findings of campaigns make it better: `spiritlevel guard train --findings RUN`.
- As a judge of the model whose body it reads it is kin: it can hold a release and never approve one. Never report it on what is in
  `made_of.jsonl` or near it; `guard report` leaves that out and counts it."""


def markdown(a: About) -> str:
    """The card as text."""
    return "\n".join(_lines(a)) + "\n"


HEAD = """---
library_name: spiritlevel
pipeline_tag: text-classification
tags: [spiritlevel, guard, safety, moderation]
language: en
---

# A constitutional guard
"""
CALL = """```python
from spiritlevel.guard import load

guard = load(DIR)
guard.prompt(text).blocked
guard.reply(prompt, reply).principles
```
"""
FIGURES = """## Figures on the teach side

The authors' own prompts: figures on other people's are lower. All intervals are by near-duplicate cluster.

| what | value | interval | n |
| --- | --- | --- | --- |"""
RELIABILITY = """
Mean probability against the share that is harmful, on the held part: a quarter of the harmful prompts and look-alikes and half of
the plain instructions. In your traffic harm is rarer, and a probability is worth less.

| probability | harmful | prompts |
| --- | --- | --- |"""


def _lines(a: About) -> Iterator[str]:
    yield HEAD
    read = f"block {a.layer} of `{a.model}`" if a.reads == "body" else "sentence embeddings (all-MiniLM-L6-v2), and needs no weights"
    yield f"Classifies prompts and replies by the constitution `{a.constitution}`. It reads {read}.\n"
    yield f"{CALL}\n## Thresholds\n"
    yield f"- Prompts: blocked over {a.prompt.threshold:.4f}. {_promise(a.prompt, 'plain instructions, held back from the fit,')}"
    yield f"- Replies: blocked over {a.reply.threshold:.4f}. {_promise(a.reply, 'replies that violate nothing, read out of fold,')}\n"
    yield FIGURES
    yield from (row(e) for e in a.figures)
    yield RELIABILITY
    yield from (f"| {p:.2f} | {share:.2f} | {n} |" for p, share, n in a.reliability)
    told = ", ".join(f"`{p}`" for p in a.principles)
    yield f"\n## What it is made of\n\nInstrument `{a.identity.id}`, family `{a.identity.family}`. Principles told apart: {told}.\n"
    yield from (f"- {n} {what}" for what, n in a.counts.items())
    yield f"- findings of runs: {', '.join(a.findings) or 'none'}"
    kinds = Counter(atom.partition(":")[0] for atom in a.identity.made_of)
    yield f"- {len(a.identity.made_of)} atoms in `guard.json` ({', '.join(f'{n} {kind}' for kind, n in sorted(kinds.items()))})"
    yield f"- body read: `{a.body}`\n"
    yield f"## Limits\n\n{LIMITS}"


def _promise(limit: Limit, cases: str) -> str:
    told = (
        f"{limit.alarms} of {limit.n} independent {cases} were over it: at most {100 * limit.upper:.2g} % with "
        f"{100 * limit.confidence:g} % confidence (Clopper and Pearson, one-sided), where {100 * limit.rate:.2g} % was allowed."
    )
    return told + (f" The rate asked for would take {limit.needed} cases, so it is not promised." if limit.needed else "")


def row(e: Estimate) -> str:
    """A figure as a line of a table."""
    return f"| {e.name} | {e.value:.3f} | {e.low:.3f} to {e.high:.3f} | {e.n} |"
