"""Features of a top-k sparse autoencoder on the model's own activations, with what makes them most active: exploration, never a gate."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spiritlevel import activations, backends, firewall, stats
from spiritlevel.errors import ConfigError, DataError
from spiritlevel.interpret.probes import Contrast
from spiritlevel.types import Estimate, Feature, Features, Frozen, Journal, ModelRef, Prompt, Spot, content_hash, user

Floats = NDArray[np.float32]
AROUND = 10
"""Tokens shown on each side of the one at which a feature is most active."""
HELD = 0.2
"""Share of the clusters of prompts that train nothing."""


class FeatureSettings(Frozen):
    """How large the autoencoder is and how it is trained."""

    layer: int | None = Field(None, ge=1)
    """Block after which activations are read; default: half of the depth."""
    width: int = Field(2048, ge=8)
    """Features."""
    k: int = Field(16, ge=1)
    """Features that may be active at once."""
    epochs: int = Field(4, ge=1)
    lr: float = Field(1e-3, gt=0)
    batch: int = Field(512, ge=1)
    """Tokens a step."""
    told: int = Field(24, ge=1)
    """Features that are told of: those that tell the two sets apart best on the training prompts."""
    spots: int = Field(5, ge=1)
    """Places that are shown of each, one a prompt."""
    seed: int = 0


def run(journal: Journal, model: ModelRef, first: tuple[Prompt, ...], second: tuple[Prompt, ...], settings: FeatureSettings) -> Features:
    """Train on the tokens of both sets of prompts, as users' turns; measure on clusters that trained nothing.

    NeedsWeights, ConfigError for a layer out of range or a k above the width, DataError for too few prompts or equal sides.
    """
    backends.check_weights(model, "features need")
    if settings.k >= settings.width:
        raise ConfigError(f"k = {settings.k} of {settings.width} features is not sparse; give a smaller k")
    weights: Any = backends.open_weights(model, journal)
    layer = settings.layer or max(1, weights.layers // 2)
    prompts = [*first, *second]
    label = np.asarray([True] * len(first) + [False] * len(second))
    Contrast(tuple(p.text for p in prompts), label, tuple(p.cluster for p in prompts))  # an empty side or equal sides are refused
    held = held_out(first, second, settings.seed)
    if min((label & held).sum(), (~label & held).sum(), (label & ~held).sum(), (~label & ~held).sum()) < 2:
        raise DataError(f"{len(first)} and {len(second)} prompts are too few to train on some and measure on others; give more of both")
    chats = [user(p.text) for p in prompts]
    ids = [weights.render(chat) for chat in chats]
    raw = activations.read(weights, chats, activations.blocks(weights, [layer]), "all").popitem()[1]
    of = np.repeat(np.arange(len(ids)), [len(one) - 1 for one in ids])
    train = ~held[of]
    mean, scale = raw[train].mean(0), np.maximum(raw[train].std(0), 1e-6)
    x = ((raw - mean) / scale).astype(np.float32)
    del raw
    from spiritlevel.interpret import _sae

    sae = _sae.train(
        x[train],
        settings.width,
        settings.k,
        epochs=settings.epochs,
        lr=settings.lr,
        batch=settings.batch,
        seed=settings.seed,
        progress=lambda done, n: journal.progress("training a sparse autoencoder", done, n),
    )
    places, values, errors = _sae.encoded(sae, x)
    strongest = by_prompt(places, values, of, len(ids), settings.width)
    areas = separation(strongest, label, ~held)
    order = np.argsort(-np.abs(areas - 0.5), kind="stable")[: settings.told]
    active = np.zeros(settings.width)
    np.add.at(active, places[~train][values[~train] > 0], 1)
    promoted = _sae.promoted(weights.module, (sae.decoder.numpy()[order] * scale).astype(np.float32), 8)
    clusters = [prompts[i].cluster or prompts[i].id for i in of]
    blob = journal.blob(lambda folder: _save(folder, sae, mean, scale))
    return Features(
        model=model,
        layer=layer,
        width=settings.width,
        k=settings.k,
        tokens=int(train.sum()),
        explained=explained(
            errors[~train], x[~train], x[train].mean(0), [c for c, t in zip(clusters, train, strict=True) if not t], settings
        ),
        pca=explained(
            pca_errors(x[train], x[~train], settings.k),
            x[~train],
            x[train].mean(0),
            [c for c, t in zip(clusters, train, strict=True) if not t],
            settings,
        ),
        dead=float((active == 0).mean()),
        features=tuple(
            Feature(
                id=int(f),
                density=float(active[f] / (~train).sum()),
                auroc=stats.auroc(
                    strongest[held, f],
                    label[held],
                    [p.cluster or p.id for p, h in zip(prompts, held, strict=True) if h],
                    seed=settings.seed,
                ),
                promotes=tuple(weights.tokenizer.decode([int(t)]) for t in promoted[n]),
                spots=spots(weights.tokenizer, int(f), ids, of, places, values, settings.spots),
            )
            for n, f in enumerate(order)
        ),
        blob=blob,
        notes=(
            f"the features shown are those of {settings.width} that tell the sets apart best on training prompts; AUROC is on others",
            "what a feature means is the reader's guess: nothing was changed inside to see what it does",
        ),
    )


def held_out(first: Sequence[Prompt], second: Sequence[Prompt], seed: int) -> NDArray[np.bool_]:
    """Which prompts train nothing, by cluster: a share of each set's, and at least two of them."""
    clusters = firewall.clusters([p.goal or p.text for p in (*first, *second)])
    kept: set[str] = set()
    for own in (set(clusters[: len(first)]), set(clusters[len(first) :])):
        kept.update(sorted(own, key=lambda c: content_hash("held", seed, c))[: max(2, round(HELD * len(own)))])
    return np.asarray([c in kept for c in clusters])


def by_prompt(places: NDArray[np.int32], values: Floats, of: NDArray[np.int64], prompts: int, width: int) -> Floats:
    """(prompts, features): the largest activation of each feature in each prompt."""
    found = np.zeros((prompts, width), np.float32)
    rows = np.repeat(of, places.shape[1])
    np.maximum.at(found, (rows, places.ravel()), values.ravel())
    return found


def separation(strongest: Floats, label: NDArray[np.bool_], train: NDArray[np.bool_]) -> NDArray[np.float64]:
    """AUROC of each feature on the training prompts; 0.5 for one that is active in under 1 % of them."""
    seen, truth = strongest[train], label[train]
    often = (seen > 0).mean(0) >= 0.01
    return np.asarray([stats.area(seen[:, f], truth) if often[f] else 0.5 for f in range(seen.shape[1])])


def explained(errors: Floats, x: Floats, mean: Floats, clusters: Sequence[str], settings: FeatureSettings) -> Estimate:
    """Share of variance about the training mean, clusters resampled."""
    spread = np.square(x - mean).sum(1)
    return stats.cluster_bootstrap(
        lambda e, s: float(1 - e.sum() / s.sum()), [errors, spread], clusters, seed=settings.seed, name="explained variance", rounds=300
    )


def pca_errors(train: Floats, test: Floats, k: int) -> Floats:
    """Squared error of each test row rebuilt from the k leading principal components of the training rows."""
    mean = train.mean(0)
    _, vectors = np.linalg.eigh(np.cov((train - mean).T.astype(np.float64)))
    leading = vectors[:, -k:].astype(np.float32)
    left = (test - mean) - (test - mean) @ leading @ leading.T
    errors: Floats = np.square(left).sum(1)
    return errors


def spots(
    tokenizer: Any,
    feature: int,
    ids: Sequence[Sequence[int]],
    of: NDArray[np.int64],
    places: NDArray[np.int32],
    values: Floats,
    most: int,
) -> tuple[Spot, ...]:
    """Where a feature is most active, one place a prompt, with the tokens around it."""
    rows, columns = np.nonzero((places == feature) & (values > 0))
    strength = np.zeros(len(of), np.float32)
    strength[rows] = values[rows, columns]
    starts = np.searchsorted(of, np.arange(len(ids)))
    found: dict[int, int] = {}
    for row in rows[np.argsort(-strength[rows], kind="stable")]:
        found.setdefault(int(of[row]), int(row))
        if len(found) == most:
            break
    told = []
    for prompt, row in found.items():
        at = row - starts[prompt] + 1  # the first token was left out
        low, high = max(0, at - AROUND), min(len(ids[prompt]), at + AROUND + 1)
        words = tuple(tokenizer.decode([token]) for token in ids[prompt][low:high])
        told.append(
            Spot(
                tokens=words,
                values=tuple(0.0 if i == 0 else round(float(strength[starts[prompt] + i - 1]), 3) for i in range(low, high)),
                at=int(at - low),
            )
        )
    return tuple(told)


def _save(folder: Path, sae: Any, mean: Floats, scale: Floats) -> None:
    """sae.npz: encoder, inner bias, decoder, bias, and the mean and scale that activations are standardised by."""
    np.savez(
        folder / "sae.npz",
        encoder=sae.encoder.numpy(),
        inner=sae.inner.numpy(),
        decoder=sae.decoder.numpy(),
        bias=sae.bias.numpy(),
        mean=mean,
        scale=scale,
    )
