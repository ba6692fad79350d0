"""Reward models from preferences: settings and the stage. The loop is `_train.py`'s, the objective lies in `_reward.py`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spiritlevel import backends, firewall, lineage
from spiritlevel.errors import DataError
from spiritlevel.finetune import descent
from spiritlevel.finetune.train import StepSettings
from spiritlevel.judges.reward import About
from spiritlevel.types import Estimate, Frozen, Instrument, Journal, Lineage, ModelRef, Preference, Prompt, RowSet, Use, content_hash

LEAST_HELD = 20
"""Held pairs under which no temperature is fitted."""


class RewardSettings(StepSettings):
    """How a reward model is trained."""

    epochs: int = Field(1, ge=1)
    lr: float = Field(2e-5, gt=0)
    batch_tokens: int = Field(4096, ge=1)
    heads: int = Field(1, ge=1)
    """Scalar heads on the one body; more than one are each fitted to their own bootstrap of the prompt groups."""
    centre: float = Field(0.01, ge=0)
    """Weight of the centring term."""
    frozen: bool = False
    """Train the heads alone, on the untrained body's features: for very few labels."""
    held: float = Field(0.1, ge=0, lt=0.5)
    """Share of the prompt groups held out of training to fit the temperature."""


class RewardTrained(Frozen):
    """A reward model, what it is made of, and how its training went."""

    spec: str
    """For `judges.reward.open_reward` within the run."""
    identity: Instrument
    lineage: Lineage
    curve: RowSet
    """CurvePoint rows; none when only the heads were trained."""
    pairs: int
    groups: int
    held: Estimate | None
    """Accuracy on the held groups, which chose the temperature and nothing else."""
    temperature: tuple[float, ...]
    skipped: int = 0
    """Pairs left out: identical answers, or a prompt that fills `max_length`."""
    cut: int = 0
    """Answers shortened to `max_length`."""
    notes: tuple[str, ...] = ()


def train_reward(
    journal: Journal, body: ModelRef, preferences: tuple[Preference, ...], settings: RewardSettings, debt: descent.Debt | None = None
) -> RewardTrained:
    """Fit a reward model on `body` to preferences; a blob with its lineage. DataError when no pair is left. `debt`: of the labels."""
    from spiritlevel.finetune import _reward

    groups = groups_of(preferences)
    held = held_out(groups, settings.held, settings.seed)
    notes = [] if any(p.cluster for p in preferences) else ["the pairs name no groups: pairs of one prompt were taken for one"]
    labels = content_hash(*preferences)
    debt = debt or descent.Debt()
    made_by = {atom for judge in debt.judges for atom in firewall.made_of(judge)}
    atoms = tuple(sorted({firewall.labels(labels), *firewall.atoms_of(_prompts(preferences)), *debt.atoms}))
    parent = backends.identify(body, journal, base=True)
    journal.record(parent)
    run = f"run:{content_hash('reward', body.key, labels, settings)}"
    journal.spend([Use(model=run, atom=atom, how="train") for atom in atoms])

    folder = journal.scratch(f"reward-{content_hash(body.key, labels, settings)}")
    fitted = _reward.fit(
        *backends.parts(body, journal),
        body.spec,
        preferences,
        groups,
        held,
        settings,
        folder,
        lambda p, n: journal.progress("training a reward model", p.step, n),
    )
    fingerprint = lineage.fingerprint(fitted.module.state_dict())
    family = body.family
    made = Lineage(
        weights=fingerprint,
        body=parent.body,
        parents=(body.key, *(one.weights for one in debt.teachers)),
        uses=tuple(Use(model=fingerprint, atom=atom, how="train") for atom in atoms),
        judges=debt.judges,
        families=tuple(sorted({family, *debt.families})),
        history="known",
        note=parent.note,
    )
    identity = Instrument(
        id=content_hash("reward", fingerprint, fitted.offset, fitted.temperature),
        name=f"reward on {body.spec.partition('@')[0]}",
        family=family,
        made_of=tuple(sorted({*atoms, *made_by, firewall.body(parent.body)})),
    )
    about = About(instrument=identity, offset=fitted.offset, temperature=fitted.temperature, base=body.spec)

    def save(path: Path) -> None:
        fitted.save(about, path)
        lineage.write(path, made)

    blob = journal.blob(save)
    journal.record(made)
    if len(held) < LEAST_HELD:
        notes.append(f"{len(held)} held pairs are too few to fit a temperature: scores are as they came")
    return RewardTrained(
        spec=f"blob:{blob}",
        identity=identity,
        lineage=made,
        curve=journal.put("curve", fitted.curve),
        pairs=fitted.pairs,
        groups=len(set(groups)),
        held=fitted.held,
        temperature=fitted.temperature,
        skipped=fitted.curve.skipped,
        cut=fitted.curve.cut,
        notes=tuple(notes),
    )


def groups_of(preferences: Sequence[Preference]) -> list[str]:
    """Each pair's prompt group: its cluster, else its chat."""
    if not preferences:
        raise DataError("there are no preferences to train a reward model on; give a file with some")
    return [p.cluster or content_hash(*p.chat) for p in preferences]


def held_out(groups: Sequence[str], share: float, seed: int) -> list[int]:
    """Numbers of the pairs in about `share` of the groups, chosen by hash: stable when pairs are added."""
    if len(set(groups)) < 2:
        return []
    return [i for i, g in enumerate(groups) if int(content_hash("held", seed, g), 16) % 10_000 < share * 10_000]


def bootstrap(groups: Sequence[str], heads: int, seed: int) -> NDArray[np.float32]:
    """(pairs, heads) weights: how often each head's bootstrap of the groups drew a pair; all 1 for a single head."""
    if heads == 1:
        return np.ones((len(groups), 1), dtype=np.float32)
    names = sorted(set(groups))
    draw = np.random.default_rng([seed, 7])
    counts = np.stack([draw.multinomial(len(names), [1 / len(names)] * len(names)) for _ in range(heads)], axis=1)
    place = {name: i for i, name in enumerate(names)}
    return counts[[place[g] for g in groups]].astype(np.float32)


def _prompts(preferences: Sequence[Preference]) -> list[Prompt]:
    texts = sorted({p.chat[-1].content for p in preferences})
    return [Prompt(id=content_hash(t), text=t, goal=t, principle="") for t in texts]
