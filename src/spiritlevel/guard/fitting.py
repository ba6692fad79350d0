"""Fit a guard: heads on the fitted part, the layer by grouped cross-validation there, thresholds on the held part."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spiritlevel import firewall, stats
from spiritlevel.backends import cache
from spiritlevel.constitution import Constitution
from spiritlevel.errors import ConfigError, DataError
from spiritlevel.guard.deciding import Guard
from spiritlevel.guard.material import Material
from spiritlevel.guard.parts import pieces
from spiritlevel.guard.reading import BodyReader, Reader, TextReader
from spiritlevel.guard.shares import fit_shares
from spiritlevel.guard.values import About, Limit, Reads
from spiritlevel.judges.heads import Floats, Head, fit_head
from spiritlevel.judges.probe import form_of
from spiritlevel.judges.rows import atoms, groups_of
from spiritlevel.types import Estimate, Instrument, Kind, OpenWeights, Prompt, content_hash

DEPTHS = (0.45, 0.55, 0.65, 0.75)
"""Layers tried, as shares of the depth. The mean of a prompt's tokens beside its last token does best at the middle of the body."""
CS = {"body": (0.001, 0.003, 0.01), "text": (0.03, 0.1, 0.3, 1.0)}
CHUNK = 256
"""Texts that are read and kept together: a killed training reads on from there."""
CONFIDENCE = 0.95


def train(
    law: Constitution, made: Material, weights: OpenWeights | None, false_positives: float = 0.01, *, findings: Sequence[str] = ()
) -> Guard:
    """A guard of `weights`' own states, or of MiniLM's embeddings without them. ConfigError for a rate outside (0, 0.5]; DataError
    when the held part is too small to promise it.
    """
    if not 0 < false_positives <= 0.5:
        raise ConfigError(f"a false-positive rate of {false_positives!r} is not over 0 and at most 0.5; give for example 0.01")
    plain = [p for p in made.held if p.kind is Kind.PLAIN]
    alone = len({p.cluster for p in plain})
    if alone < (least := stats.needed(false_positives, CONFIDENCE)):
        raise DataError(
            f"{alone} independent plain instructions were held back, too few to promise {false_positives:g} false positives: that takes "
            f"{least}; ask for at least {1 - (1 - CONFIDENCE) ** (1 / max(1, alone)):.2g}, or add plain seeds"
        )
    layers = (0,) if weights is None else sorted({max(1, round(weights.layers * d)) for d in DEPTHS})
    reader: Reader = TextReader() if weights is None else BodyReader(weights, layers)
    reads: Reads = "text" if weights is None else "body"
    cases = _cases(reader, made.fit)
    x = _kept(reader, [text for _, text in cases], "requests", reader.requests)
    column, head = _request(cases, x, CS[reads])
    read, first = _pieces(reader, [p.text for p in made.held])
    held = read[first, column]  # the whole text, or the first window of a long one
    scores = np.maximum.reduceat(head.probability(read[:, column]), first)  # the worst part counts, as at work
    bad = [i for i, p in enumerate(made.fit) if p.kind is Kind.HARMFUL]
    shares = fit_shares(x[bad, column], [made.fit[i].principle for i in bad])
    own = [(e.prompt, e.reply) for e in made.replies]
    said = _kept(reader, own, "replies", reader.replies)[:, column]
    answer = fit_head(
        said, [e.violating for e in made.replies], groups_of(made.replies), cs=CS[reads], name="violating replies, out of fold"
    )
    limit = _limit(scores, made.held, false_positives)
    spoken = _spoken(answer, made, false_positives)
    made_of = tuple(sorted({firewall.body(reader.body), *firewall.atoms_of(made.prompts), *atoms(made.replies)}))
    identity = Instrument(
        id=content_hash("guard", _code(), reader.body, layers[column], head.digest, answer.digest, shares.digest, limit, spoken, *made_of),
        name=f"guard-{reads}",
        family=reader.family,
        made_of=made_of,
    )
    harm = [p.kind is Kind.HARMFUL for p in made.held]
    about = About(
        reads=reads,
        model="" if weights is None else weights.ref.spec,
        body=reader.body,
        layer=layers[column],
        constitution=law.name,
        principles=shares.names,
        identity=identity,
        prompt=limit,
        reply=spoken,
        figures=(
            head.auroc.model_copy(update={"name": "AUROC, harmful against harmless, fitted part, out of fold"}),
            *_figures(scores, shares.of(held), shares.names, made.held, limit.threshold),
            answer.auroc.model_copy(update={"name": "AUROC, violating replies against others, out of fold"}),
        ),
        counts=made.counts(),
        findings=tuple(findings),
        reliability=_reliability(scores, harm),
    )
    chosen = reader if weights is None else BodyReader(weights, [layers[column]])
    return Guard(about=about, request=head, answer=answer, shares=shares, reader=chosen)


def _cases(reader: Reader, fit: Sequence[Prompt]) -> list[tuple[Prompt, str]]:
    """(prompt, text): every prompt whole, in order; then the parts of harmless ones, which are as harmless and are read alone at work."""
    fine = [p for p in fit if p.kind is not Kind.HARMFUL]
    return [*((p, reader.windows(p.text)[0]) for p in fit), *((p, part) for p in fine for part in pieces(reader, p.text)[1:])]


def _request(cases: Sequence[tuple[Prompt, str]], x: NDArray[np.float32], cs: Sequence[float]) -> tuple[int, Head]:
    """(best column of (n, layers, d) features, its head); by out-of-fold AUROC within question and order."""
    labels, groups = [p.kind is Kind.HARMFUL for p, _ in cases], [p.cluster for p, _ in cases]
    forms = [form_of(text) for _, text in cases]
    heads = [fit_head(x[:, i], labels, groups, cs=cs, name="requests", strata=forms) for i in range(x.shape[1])]
    best = max(range(len(heads)), key=lambda i: heads[i].auroc.value)
    return best, heads[best]


def _pieces(reader: Reader, texts: Sequence[str]) -> tuple[NDArray[np.float32], list[int]]:
    """(pieces of all texts, layers, d), and where each text's begin."""
    cut = [pieces(reader, text) for text in texts]
    first = np.cumsum([0, *map(len, cut)])[:-1].tolist()
    return _kept(reader, [window for windows in cut for window in windows], "requests", reader.requests), first


def _kept(reader: Reader, units: Sequence[object], what: str, read: Callable[..., NDArray[np.float32]]) -> NDArray[np.float32]:
    """What a reader gives, made once on a machine, a chunk at a time."""
    found = []
    for start in range(0, len(units), CHUNK):
        chunk = units[start : start + CHUNK]
        name = content_hash(_code(READS), reader.body, what, *reader.layers, *chunk)

        def write(folder: Path, chunk: Sequence[object] = chunk) -> None:
            np.save(folder / "features.npy", read(chunk))

        found.append(np.load(cache.made(f"guard/{name}", write) / "features.npy"))
    return np.concatenate(found)


def _limit(scores: Floats, held: Sequence[Prompt], rate: float) -> Limit:
    at = [i for i, p in enumerate(held) if p.kind is Kind.PLAIN]
    worst = stats.worst_of(scores[at], [held[i].cluster for i in at])
    found = stats.promised(worst, rate, CONFIDENCE)
    assert found is not None  # `train` has looked at the number of cases
    threshold, alarms, upper = found
    return Limit(threshold=threshold, rate=rate, alarms=alarms, n=len(worst), upper=upper, confidence=CONFIDENCE)


def _spoken(answer: Head, made: Material, rate: float) -> Limit:
    """The replies' threshold, on out-of-fold scores of those that violate nothing; what so few cannot promise is said, not promised."""
    groups = groups_of(made.replies)
    fine = [i for i, e in enumerate(made.replies) if not e.violating]
    worst = stats.worst_of(answer.out_of_fold[fine], [groups[i] for i in fine])
    least = stats.needed(rate, CONFIDENCE)
    kept = rate if len(worst) >= least else stats.upper(0, len(worst), CONFIDENCE) * (1 + 1e-9)
    found = stats.promised(worst, kept, CONFIDENCE)
    threshold, alarms, upper = found if found is not None else (1.0, 0, 1.0)
    needed = 0 if kept == rate else least
    return Limit(threshold=threshold, rate=kept, alarms=alarms, n=len(worst), upper=upper, confidence=CONFIDENCE, needed=needed)


def _figures(scores: Floats, shares: Floats, names: Sequence[str], held: Sequence[Prompt], threshold: float) -> tuple[Estimate, ...]:
    kind, groups = np.asarray([p.kind.value for p in held]), np.asarray([p.cluster for p in held])
    found = []
    for other, what in ((Kind.PLAIN, "plain instructions"), (Kind.LOOKALIKE, "look-alikes")):
        at = (kind == Kind.HARMFUL) | (kind == other)
        name = f"AUROC, harmful against {what}, held part"
        found.append(stats.auroc(scores[at], kind[at] == Kind.HARMFUL, groups[at], seed=0, name=name))
    for one in (Kind.HARMFUL, Kind.LOOKALIKE, Kind.PLAIN):
        at = kind == one
        found.append(stats.rate(scores[at] > threshold, groups[at], name=f"share of {one.value} prompts blocked, held part"))
    at = kind == Kind.HARMFUL
    right = [names[int(i)] == held[int(j)].principle for i, j in zip(shares[at].argmax(axis=1), np.flatnonzero(at), strict=True)]
    return (*found, stats.rate(right, groups[at], name="share of harmful prompts put under their principle, held part"))


def _reliability(scores: Floats, labels: Sequence[bool]) -> tuple[tuple[float, float, int], ...]:
    y, place = np.asarray(labels, float), np.minimum((scores * 5).astype(int), 4)
    bins = (place == b for b in range(5) if (place == b).any())
    return tuple((float(scores[at].mean()), float(y[at].mean()), int(at.sum())) for at in bins)


READS = ("guard/reading.py", "judges/_minilm.py", "judges/embedding.py", "judges/words.py", "backends/_spans.py")
WORD = (*READS, "guard/parts.py", "guard/shares.py", "guard/deciding.py", "judges/heads.py", "judges/phrases.py")


def _code(files: Sequence[str] = WORD) -> str:
    """Hash of the code that a guard's word comes from."""
    root = Path(__file__).parent.parent
    return content_hash(*((root / file).read_text("utf-8") for file in files))
