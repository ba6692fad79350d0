"""How deep along the answer a refusal is decided: harmful requests with the first k tokens of a compliant answer given.

Shallow alignment holds the first few tokens alone (Qi et al. 2024, "Safety alignment should be made more than just a few tokens deep",
section 2): the refusal rate then falls to nothing once they are given.
"""

from collections.abc import Sequence

from spiritlevel import backends, stats
from spiritlevel.constitution import Example
from spiritlevel.interpret.properties import greedy, heard, refused
from spiritlevel.types import Ask, Estimate, Journal, Kind, OpenWeights, Prompt, Reply, content_hash, user

TOKENS = 24
"""Of the continuation that is judged."""


def chosen(held: Sequence[Example], most: int) -> list[Example]:
    """Violating answers to harmful requests, one a request, by turns over principles in the order of content hashes."""
    once = {e.prompt: e for e in reversed(held) if e.kind is Kind.HARMFUL and e.violating and e.reply.strip()}
    ranks: dict[str, int] = {}
    rows = []
    for e in sorted(once.values(), key=lambda e: content_hash(e.prompt)):
        ranks[e.principle] = ranks.get(e.principle, 0) + 1
        rows.append((ranks[e.principle], e.principle, e))
    return [e for _, _, e in sorted(rows, key=lambda row: row[:2])][:most]


def refusals(
    journal: Journal, weights: OpenWeights, examples: Sequence[Example], depths: Sequence[int], groups: Sequence[str], phase: str
) -> list[Estimate]:
    """Refusal rate at each depth, greedy, by the text judge on what the model adds itself."""
    asks = [
        Ask(chat=user(e.prompt, prefill=weights.cut(e.reply, k)) if k else user(e.prompt), sampling=greedy(TOKENS))
        for k in depths
        for e in examples
    ]
    prompts = [
        Prompt(id=content_hash(e.prompt, k), text=e.prompt, goal=e.prompt, principle=e.principle, kind=Kind.HARMFUL)
        for k in depths
        for e in examples
    ]
    replies = journal.rows(backends.ask(journal, weights, asks, f"how deep refusals go, {phase}"), Reply)
    flags = refused(journal, heard(prompts, asks, replies, weights.ref.key)).reshape(len(depths), len(examples))
    return [stats.rate(row.astype(float), list(groups), name="refusal_at_depth") for row in flags]
