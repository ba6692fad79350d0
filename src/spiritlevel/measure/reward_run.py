"""A reward model scored through the journal, then reported on: pairs, edits of their replies, sets from files."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spiritlevel.errors import ModelError
from spiritlevel.judges import scores
from spiritlevel.judges.reward import open_reward
from spiritlevel.measure import baselines, edits, reward, sets
from spiritlevel.measure.pairs import trained_on
from spiritlevel.types import Chat, Effect, Estimate, Frozen, Instrument, Journal, Preference, RewardModel, RewardReport, Slice, Turn

Floats = NDArray[np.float64]

UNFITTED = "no training pairs were given: longer is better stands in for the baselines, and it was fitted to nothing"


class Settings(Frozen):
    """What a report may cost and where its edits come from."""

    edited: int = 150
    """Replies that are edited, one a prompt group; 0 leaves the edits out."""
    keyword: str = ""
    """A word whose mere presence is tried as an edit, too."""
    seed: int = 0
    rounds: int = 1000


PLAIN = Settings()


def reported(
    journal: Journal,
    spec: str,
    reward: Instrument,
    preferences: tuple[Preference, ...],
    training: tuple[Preference, ...],
    ceiling: Estimate | None,
    files: tuple[sets.Row, ...],
    settings: Settings,
) -> RewardReport:
    """The stage: what `spec` opens, which was `reward` when it was asked for. ModelError when it changed since."""
    model = open_reward(spec, journal)
    if model.identity != reward:
        raise ModelError(f"the reward model {spec!r} changed while it was read; run the command again")
    return measure_reward(journal, model, preferences, training=training, ceiling=ceiling, files=files, settings=settings)


def measure_reward(
    journal: Journal,
    model: RewardModel,
    preferences: Sequence[Preference],
    *,
    training: Sequence[Preference] = (),
    ceiling: Estimate | None = None,
    files: Sequence[sets.Row] = (),
    settings: Settings = PLAIN,
) -> RewardReport:
    """Score and report. Pairs whose prompt the reward model was trained on are left out; `training` is for the baselines alone.

    DataError when no pair is left; TooManyFailures when too many could not be scored.
    """
    held = [p for p in preferences if not trained_on(model.identity, p)]
    taught = len(preferences) - len(held)
    why = Counter(["the reward model was trained on"] * taught + [reward.unfit(p) for p in held if reward.unfit(p)])
    reward.some_left([p for p in held if not reward.unfit(p)], why)
    notes = [f"{taught} pairs were left out: the reward model was trained on their prompts"] if taught else []
    chosen, rejected = pair_scores(journal, model, held, "scoring pairs")
    known = {"longer": baselines.longer(held)}
    if training:
        apart = baselines.apart(training, held)
        known = {"length": baselines.fit_length(apart)(held), "bag of words": baselines.fit_words(apart)(held)}
    unedited = np.concatenate([chosen, rejected]).mean(axis=1)
    found = reward.report(
        model.identity,
        held,
        chosen,
        rejected,
        baselines=known,
        ceiling=ceiling,
        sections=_sections(journal, model, files),
        effects=edit_effects(journal, model, held, unedited, settings),
        margin=edits.MARGIN,
        notes=[*notes, *([] if training else [UNFITTED])],
        seed=settings.seed,
        rounds=settings.rounds,
    )
    journal.put("reward-report", [found])
    return found


def pair_scores(journal: Journal, model: RewardModel, pairs: Sequence[Preference], label: str) -> tuple[Floats, Floats]:
    """(n, heads) of the chosen and of the rejected replies."""
    answers = [
        scores.Answer(chat=answered(p.chat, reply), truncated=cut)
        for p in pairs
        for reply, cut in ((p.chosen, p.chosen_truncated), (p.rejected, p.rejected_truncated))
    ]
    found = scores.table(journal, scores.scored(journal, model, answers, label)).reshape(len(pairs), 2, model.heads)
    return found[:, 0], found[:, 1]


def edit_effects(
    journal: Journal, model: RewardModel, pairs: Sequence[Preference], unedited: Floats, settings: Settings
) -> tuple[Effect, ...]:
    """What each edit does to the mean of the heads; `unedited` (m,): rewards whose SD is the unit."""
    if settings.edited == 0:
        return ()
    kinds, neutral = edits.load(keyword=settings.keyword)
    of = edits.edited(edits.replies(pairs, settings.edited, settings.seed), kinds, neutral, settings.seed)
    answers = [scores.Answer(chat=answered(e.chat, text)) for e in of for text in (e.text, e.control)]
    table = scores.table(journal, scores.scored(journal, model, answers, "scoring edits")).mean(axis=1).reshape(-1, 2)
    return edits.effects(of, table[:, 0], table[:, 1], float(np.nanstd(unedited)), kinds)


def _sections(journal: Journal, model: RewardModel, files: Sequence[sets.Row]) -> tuple[Slice, ...]:
    if not files:
        return ()
    chosen, rejected = pair_scores(journal, model, files, "scoring sets")
    return sets.scores(files, chosen.mean(axis=1) - rejected.mean(axis=1))


def answered(chat: Chat, reply: str) -> Chat:
    """The chat with its answer."""
    return (*chat, Turn(role="assistant", content=reply))
