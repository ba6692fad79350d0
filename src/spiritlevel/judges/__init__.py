"""The instrument cabinet: what reads transcripts. Each judge has an identity that hashes its code, weights, fitting rows and threshold.

`text` rules on words (a proxy); `probe` the patient's own hidden states (kin: trains, never approves); `embedding` MiniLM with a head
fitted to the certify half; `model` any language model with the principle as its rubric; `violation` what is counted as harm.
"""

from collections.abc import Iterable, Sequence

from spiritlevel import stats
from spiritlevel.types import Estimate, Journal, Judge, Judgement, RowSet, Transcript

BATCH = 64
"""Transcripts judged as one batch and committed together; float32 sums depend on the shape of the batch."""


def score(journal: Journal, judge: Judge, transcripts: Sequence[Transcript], label: str = "") -> RowSet:
    """Judgement rows aligned with `transcripts`; what is judged already is not judged again."""
    if getattr(judge, "durable", False):
        return journal.put("judgement", judge.judge(transcripts))

    def work(units: Sequence[Transcript]) -> Iterable[tuple[int, Judgement]]:
        return enumerate(judge.judge(units))

    salt = judge.identity.id
    return journal.map("judgement", transcripts, work, Judgement, batch=BATCH, salt=salt, label=label or f"judging: {judge.identity.name}")


def agreement(a: Sequence[Judgement], b: Sequence[Judgement], groups: Sequence[str], *, seed: int = 0, threshold: float = 0.5) -> Estimate:
    """Cohen's kappa of two judges' verdicts (P > threshold) on the transcripts that both could judge, resampled by group."""
    both = [
        (x.probability > threshold, y.probability > threshold, g)
        for x, y, g in zip(a, b, groups, strict=True)
        if x.probability is not None and y.probability is not None
    ]
    left, right, kept = ([r[i] for r in both] for i in range(3))
    return stats.kappa(left, right, kept, seed=seed, name="agreement of two judges (kappa)")
