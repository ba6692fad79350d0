"""Rejection sampling and iterated DPO: draw from the policy, select by a reward, train on what was selected, begin again."""

from collections.abc import Sequence

from spiritlevel import backends
from spiritlevel.constitution import Constitution
from spiritlevel.errors import ConfigError, DataError
from spiritlevel.finetune import descent, selection, train
from spiritlevel.finetune.config import FinetuneConfig
from spiritlevel.finetune.selection import SelectSettings
from spiritlevel.judges.reward import open_reward
from spiritlevel.types import (
    CurvePoint,
    Journal,
    Lesson,
    Preference,
    Prompt,
    RewardModel,
    Seen,
    Side,
    Transcript,
    Tuned,
    content_hash,
)


def select(journal: Journal, tuned: Tuned, law: Constitution, seen: Seen, config: FinetuneConfig, turn: int = 0, pinned: str = "") -> Tuned:
    """One round of `config.select` on the teach side's prompts, as a step. `pinned`: the reward's identity; a changed one is a new step.

    ConfigError without a `select` section, DataError for another side or when nothing is left to learn, NeedsWeights for a hosted model.
    """
    settings = config.select
    if settings is None:
        raise ConfigError("finetune.select is none, so there is nothing to select by; give it a reward")
    prompts = [t.prompt for t in journal.rows(seen.transcripts, Transcript) if config.teaches(t.prompt, law.helpfulness)]
    return reject(journal, tuned, prompts, open_reward(settings.reward, journal), settings, turn)


def pinned(config: FinetuneConfig, journal: Journal) -> str:
    """Identity of the reward that `config.select` names, empty without one; it needs of the journal its blobs alone."""
    return open_reward(config.select.reward, journal).identity.id if config.select else ""


def reject(
    journal: Journal, tuned: Tuned, prompts: Sequence[Prompt], reward: RewardModel, settings: SelectSettings, turn: int = 0
) -> Tuned:
    """A round from `tuned`: a new pool, the best answers (or pairs), training on them; lessons and curve go on from what `tuned` had."""
    for prompt in prompts:
        if prompt.side is not Side.TEACH:
            raise DataError(f"selection for training was given a prompt of the {prompt.side.value!r} side; it may see the teach side alone")
    backends.check_weights(tuned.ref)
    among = selection.ranked(journal, tuned.ref, prompts, reward, settings)
    by_lessons = settings.how == "sft"
    lessons, left = selection.lessons(among, settings) if by_lessons else ([], None)
    preferences, left = ([], left) if by_lessons else selection.pairs(among, reward, settings)
    why = ", ".join(f"{name}: {count}" for name, count in sorted((left or {}).items()))
    if not lessons and not preferences:
        raise DataError(
            f"no answer is left to learn from {len(among.prompts)} prompts ({why}); draw more or longer answers, lower select.least, "
            "or set select.cut"
        )
    weights = backends.open_weights(tuned.ref, journal)
    recipe = content_hash(tuned.ref.key, settings, turn, reward.identity.id, *lessons, *preferences)
    debt = descent.Debt(judges=(reward.identity,))
    uses = descent.owed(f"run:{recipe}", among.prompts, debt)
    journal.spend(uses)
    folder = journal.scratch(f"select-{recipe}")

    def tell(point: CurvePoint, steps: int) -> None:
        journal.progress(f"training on what was selected, round {turn + 1}", point.step, steps)

    if by_lessons:
        curve = train.sft(weights, lessons, settings.train, folder, tell)
    else:
        curve = train.dpo(weights, preferences, settings.train, folder, tell)
    lineage = descent.descended(weights, tuned.lineage, tuned.ref, uses, debt)
    journal.record(tuned.lineage)
    learnt = f"{len(lessons)} answers" if by_lessons else f"{len(preferences)} pairs"
    note = f"round {turn + 1}: {learnt} of {len(among.prompts)} prompts x {settings.n}, selected by {reward.identity.name}"
    return Tuned(
        ref=descent.kept(journal, weights, lineage, tuned.ref.family),
        lineage=lineage,
        trained=True,
        lessons=descent.more(journal, "lesson", tuned.lessons, lessons, Lesson),
        preferences=descent.more(journal, "preference", tuned.preferences, preferences, Preference),
        curve=descent.more(journal, "curve", tuned.curve, curve, CurvePoint),
        probes=tuned.probes,
        critics=(*(c for c in tuned.critics if c.id != reward.identity.id), reward.identity),
        links=tuned.links,
        comparisons=tuned.comparisons,
        notes=(*tuned.notes, note + (f"; left out: {why}" if why else "")),
    )
