"""How judges read a constitution's own examples, none by a judge that was fitted to it or to a near-duplicate of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spiritlevel.constitution import Constitution, Example, Principle
from spiritlevel.examine.values import Evidence
from spiritlevel.judges import embedding, heads, text
from spiritlevel.judges.rows import groups_of
from spiritlevel.types import Chat, Judge, Kind, OpenWeights, Outcome, Prompt, Reply, Transcript, content_hash, user

Floats = NDArray[np.float64]
Reader = Callable[[Sequence[Principle]], Judge]
"""Makes a judge of principles: other words make another judge."""
FIELDS = ("title", "text", "applies")
"""Wordings of a principle that say when it applies; each is a paraphrase of the others."""
SURE = 2.2
"""Log-odds at which a reading is cut (0.9): no judge is believed alone."""
STRENGTH = 0.003


@dataclass(frozen=True)
class Cases:
    """A constitution's examples with what is read from them; all arrays are aligned with `examples`."""

    examples: tuple[Example, ...]
    groups: tuple[str, ...]
    violating: NDArray[np.bool_]
    harmful: NDArray[np.bool_]
    features: Floats
    """(n, d): request, reply for harmful requests, reply for harmless ones: what a refusal means differs between them."""
    prompts: Floats
    """(n, 384) unit vectors of the requests."""
    replies: Floats
    """(n, 384) unit vectors of the replies."""


def cases_of(examples: Sequence[Example]) -> Cases:
    """Embed and group the examples (MiniLM). Empty input gives empty arrays."""
    pairs = [(e.prompt, e.reply) for e in examples]
    once = {pair: i for i, pair in enumerate(sorted(set(pairs)))}  # other labels and other principles need no second embedding
    made = np.asarray(embedding.fitting_features(list(once)), dtype=float)[[once[p] for p in pairs]] if pairs else np.zeros((0, 1152))
    width = made.shape[1] // 3
    harmful = np.asarray([e.kind in (Kind.HARMFUL, Kind.UNKNOWN) for e in examples], dtype=bool)
    return Cases(
        examples=tuple(examples),
        groups=tuple(groups_of(examples)) if examples else (),
        violating=np.asarray([e.violating for e in examples], dtype=bool),
        harmful=harmful,
        features=features_of(made, harmful),
        prompts=made[:, :width],
        replies=made[:, width : 2 * width],
    )


def features_of(made: Floats, harmful: NDArray[np.bool_]) -> Floats:
    """(n, 5 * 384) from `embedding.features`: request, reply for harmful requests, reply for harmless ones."""
    width = made.shape[1] // 3
    asked, said = made[:, :width], made[:, width:]
    return np.concatenate([asked, said * harmful[:, None], said * ~harmful[:, None]], axis=1)


def weights_of(cases: Cases) -> Floats:
    """(n,) weights that balance the classes within harmful and within harmless requests, so that a judge goes by the reply alone."""
    return heads.cell_weights(cases.violating, cases.harmful.astype(str))


def out_of_fold(features: Floats, cases: Cases) -> Floats:
    """(n,) log-odds of a violation, each by the logistic fold that had not seen the row's group. DataError with too few groups."""
    found, weight = np.zeros(len(cases.examples)), weights_of(cases)
    for train, test in heads.folds(cases.violating, cases.groups, 0):
        mean, scale = heads.moments(features[train])
        coef, bias = heads.logistic(heads.standardised(features[train], mean, scale), cases.violating[train], weight[train], STRENGTH)
        found[test] = heads.standardised(features[test], mean, scale) @ coef + bias
    return found


def by_words(cases: Cases) -> Floats:
    """(n,) log-odds from the words of the reply (tf-idf of one and two words), out of fold."""
    from scipy import sparse
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    harmless = (~cases.harmful).astype(float)[:, None]
    made = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True).fit_transform([f"{e.reply} ." for e in cases.examples])
    x = sparse.hstack([made.multiply(1 - harmless), made.multiply(harmless), harmless]).tocsr()
    found, weight = np.zeros(len(cases.examples)), weights_of(cases)
    for train, test in heads.folds(cases.violating, cases.groups, 0):
        model = LogisticRegression(C=10, max_iter=1000).fit(x[train], cases.violating[train], sample_weight=weight[train])
        found[test] = model.decision_function(x[test])
    return found


def pooled(told: Mapping[str, Floats], cases: Cases) -> Floats:
    """(n,) log-odds of a violation by all judges, by a logistic regression on their words; each row by folds that had not seen it.

    Its targets are Platt's (1999, section 2.2): where the judges never err on n rows, it is no surer than n rows can make it.
    """
    from sklearn.linear_model import LogisticRegression

    z = np.nan_to_num(np.stack(list(told.values()), axis=1))
    if len(told) < 2:
        return np.asarray(z[:, 0])
    found = np.zeros(len(z))
    for train, test in heads.folds(cases.violating, cases.groups, 1):
        y = cases.violating[train]
        target = np.where(y, (y.sum() + 1) / (y.sum() + 2), 1 / ((~y).sum() + 2))
        model = LogisticRegression(C=10, max_iter=1000)
        model.fit(np.tile(z[train], (2, 1)), np.repeat([True, False], len(train)), sample_weight=np.concatenate([target, 1 - target]))
        found[test] = model.decision_function(z[test])
    return found


def refusing(examples: Sequence[Example]) -> Floats:
    """(n,) chance that the reply refuses, by the text judge's rules."""
    read = [text.read(e.reply, e.prompt) for e in examples]
    return np.asarray([r.refused if r.outcome is not Outcome.REFUSE_THEN_COMPLY else min(r.refused, 0.3) for r in read], dtype=float)


def by_rules(cases: Cases) -> Floats:
    """(n,) log-odds of a violation by rules on words: harm is not refused, or what is harmless is; cut at SURE."""
    refused = refusing(cases.examples)
    return odds(np.where(cases.harmful, 1 - refused, refused))


def by_states(weights: OpenWeights, cases: Cases) -> Floats:
    """(n,) log-odds from a model's hidden states at the reply's last token (a probe at three quarters of its depth), out of fold."""
    layer = max(1, round(weights.layers * 0.75))
    chats = [user(e.prompt, prefill=e.reply or " ") for e in cases.examples]
    states = np.asarray(weights.activations(chats, [layer])[:, 0], dtype=float)
    sign = cases.harmful[:, None]
    return out_of_fold(np.concatenate([states * sign, states * ~sign], axis=1), cases)


def by_judge(judge: Judge, examples: Sequence[Example], principles: Sequence[str] | None = None) -> Floats:
    """(n,) log-odds by a judge that was fitted to none of them, under each example's own principle or these; NaN = could not judge."""
    said = judge.judge([transcript(e, p) for e, p in zip(examples, principles or [e.principle for e in examples], strict=True)])
    return odds(np.asarray([np.nan if j.probability is None else j.probability for j in said], dtype=float))


def odds(chance: Floats) -> Floats:
    """Log-odds, cut at SURE."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.clip(np.log(chance / (1 - np.clip(chance, 0, 1 - 1e-12))), -SURE, SURE), dtype=float)


def transcript(e: Example, principle: str = "") -> Transcript:
    """The example as something that a judge can read, under its own principle or another."""
    under = principle or e.principle
    prompt = Prompt(id=content_hash(e.prompt, e.kind, under), text=e.prompt, goal=e.prompt, principle=under, kind=e.kind, group=e.group)
    chat: Chat = user(e.prompt)
    return Transcript(prompt=prompt, chat=chat, reply=Reply(text=e.reply), model="constitution")


def row(e: Example, says: str) -> Evidence:
    """An example as evidence."""
    return Evidence(principle=e.principle, prompt=e.prompt, reply=e.reply, says=says)


def attraction(principles: Sequence[Principle], prompts: Floats, more: Mapping[str, Sequence[str]] | None = None) -> dict[str, Floats]:
    """(n, principles) cosine of each prompt with each wording of each principle. `more`: paraphrases a principle from a file or model."""
    from spiritlevel.judges._minilm import embed

    found = {}
    for name in FIELDS:
        found[name] = prompts @ np.asarray(embed([str(getattr(p, name)) for p in principles]), dtype=float).T
    for k in range(max((len(v) for v in (more or {}).values()), default=0)):
        said = [(more or {}).get(p.id, ()) for p in principles]
        found[f"paraphrase {k + 1}"] = (
            prompts @ np.asarray(embed([v[k] if k < len(v) else p.text for p, v in zip(principles, said, strict=True)])).T
        )
    return found


def near(law: Constitution, cases: Cases, cosine: Mapping[str, Floats]) -> NDArray[np.bool_]:
    """(n, principles) whether a principle is in the nearest fifth by its words (at least three, at most a third), for each prompt.

    Helpfulness is near every harmless prompt and no other: what it is about is not a subject.
    """
    mean = np.mean(list(cosine.values()), axis=0)
    helpful = [p.id == law.helpfulness for p in law.principles]
    if any(helpful):
        mean[:, helpful.index(True)] = -np.inf
    others = len(helpful) - any(helpful)
    order = np.argsort(-mean, axis=1)[:, : min(max(3, others // 5), (others + 2) // 3)]
    found = np.zeros(mean.shape, dtype=bool)
    np.put_along_axis(found, order, True, axis=1)
    if any(helpful):
        found[:, helpful.index(True)] = ~cases.harmful
    return found
