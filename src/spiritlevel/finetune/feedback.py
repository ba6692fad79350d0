"""Learning from AI feedback (Bai et al. 2022b, section 4): two samples a prompt, soft labels by principles, then DPO, or a reward and RL.

Without a feedback model the `reply` read-out of the model in training labels harmful prompts, and on harmless ones an answer is
preferred to a refusal: a small model cannot compare usefully.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from spiritlevel import backends, firewall
from spiritlevel.constitution import Constitution, Principle
from spiritlevel.errors import ConfigError, DataError
from spiritlevel.finetune import chains, comparison, descent, policy, selection, train
from spiritlevel.finetune.comparison import Comparison, FeedbackSettings, Pair
from spiritlevel.finetune.config import FinetuneConfig
from spiritlevel.finetune.gathering import Readouts, answered, prefer
from spiritlevel.finetune.links import violations
from spiritlevel.finetune.revise import own_answer
from spiritlevel.finetune.reward import train_reward
from spiritlevel.judges import crude
from spiritlevel.judges.reward import open_reward
from spiritlevel.types import (
    CurvePoint,
    Instrument,
    Journal,
    Lineage,
    ModelRef,
    OpenWeights,
    PolicyPoint,
    Preference,
    Prompt,
    Reply,
    Seen,
    Side,
    Transcript,
    Tuned,
    content_hash,
)


class Labelled(NamedTuple):
    """Soft preferences, and what they owe to whom."""

    preferences: list[Preference]
    comparisons: list[Comparison]
    judges: tuple[Instrument, ...]
    teachers: tuple[Lineage, ...]
    notes: tuple[str, ...]


class Learnt(NamedTuple):
    """What training on them made."""

    ref: ModelRef
    lineage: Lineage
    curve: Sequence[CurvePoint]
    critics: tuple[Instrument, ...] = ()
    notes: tuple[str, ...] = ()


def ai_feedback(journal: Journal, tuned: Tuned, law: Constitution, seen: Seen, config: FinetuneConfig) -> Tuned:
    """One phase of feedback from `tuned` on the teach side's prompts, as a step.

    ConfigError without a `feedback` section, DataError for another side or when no pair got a label, NeedsWeights for a hosted model.
    """
    settings = config.feedback
    if settings is None:
        raise ConfigError("finetune.feedback is none, so nobody gives feedback; write `feedback: {}` or name a model in it")
    if seen.side is not Side.TEACH:
        raise DataError(f"feedback was given prompts of the {seen.side.value!r} side; training may see the teach side alone")
    weights, law = backends.open_weights(tuned.ref, journal), law.only(config.principles)
    once = {t.chat: t for t in journal.rows(seen.transcripts, Transcript) if config.teaches(t.prompt, law.helpfulness)}
    transcripts = list(once.values())
    readouts = Readouts(journal, weights, law, transcripts)
    harmful = readouts.harmful(config)
    pairs = _drawn(journal, tuned, transcripts, settings)
    if settings.model:
        told = _compared(journal, law, pairs, harmful, settings, config.seed)
    else:
        told = _read(law, pairs, harmful, readouts, config, settings)
    if not told.preferences:
        raise DataError(f"no pair of replies got a label ({'; '.join(told.notes)}); name another feedback model, or draw longer replies")
    read = tuple(critic for critic in readouts.critics if critic.id not in {judge.id for judge in told.judges})
    labels = firewall.labels(content_hash(*told.preferences))
    openings = () if settings.model else tuple(firewall.opening(o) for o in law.openings)
    debt = descent.Debt(judges=(*told.judges, *read), teachers=told.teachers, atoms=(labels, *openings))
    for teacher in told.teachers:
        journal.record(teacher)
    journal.record(tuned.lineage)
    prompts = [t.prompt for t in transcripts]
    if settings.how == "dpo":
        learnt = _by_dpo(journal, tuned, weights, prompts, told.preferences, settings, debt)
    else:
        learnt = _by_rl(journal, tuned, prompts, told.preferences, settings, debt)
    return tuned.model_copy(
        update={
            "ref": learnt.ref,
            "lineage": learnt.lineage,
            "trained": True,
            "preferences": descent.more(journal, "preference", tuned.preferences, told.preferences, Preference),
            "curve": descent.more(journal, "curve", tuned.curve, learnt.curve, CurvePoint),
            "comparisons": journal.put("comparison", told.comparisons),
            "critics": tuple({one.id: one for one in (*tuned.critics, *debt.judges, *learnt.critics)}.values()),
            "notes": (*tuned.notes, *told.notes, *learnt.notes),
        }
    )


def _drawn(journal: Journal, tuned: Tuned, transcripts: Sequence[Transcript], settings: FeedbackSettings) -> list[Pair]:
    """Two samples of the tuned model to each prompt."""
    drawn = journal.rows(selection.pool(journal, tuned.ref, [t.chat for t in transcripts], 2, settings.sampling), Reply)
    return [Pair(t, *drawn[2 * i : 2 * i + 2]) for i, t in enumerate(transcripts)]


def _unfit(pair: Pair) -> str:
    """Why a pair cannot be compared, or ""."""
    if any(reply.error or not reply.text.strip() for reply in (pair.a, pair.b)):
        return "a reply is missing"
    return "identical replies" if pair.a.text.strip() == pair.b.text.strip() else ""


def under(law: Constitution, t: Transcript, harmful: bool, settings: FeedbackSettings) -> tuple[Principle, ...]:
    """What a pair is compared under: helpfulness where the prompt asks for no harm, else as drawn."""
    if not harmful:
        return tuple(p for p in law.principles if p.id == law.helpfulness)
    return chains.principles(law, t, 0, settings.draw)


def _compared(
    journal: Journal, law: Constitution, pairs: Sequence[Pair], harmful: Sequence[bool], settings: FeedbackSettings, seed: int
) -> Labelled:
    """Labels of the feedback model."""
    model = backends.open_model(backends.resolve(settings.model), journal)
    identity = comparison.instrument(journal, model, law, settings)
    dropped = Counter(why for pair in pairs if (why := _unfit(pair)))
    fit = [(pair, under(law, pair.transcript, bad, settings)) for pair, bad in zip(pairs, harmful, strict=True) if not _unfit(pair)]
    rows = iter(comparison.by_model(journal, model, [(pair, one) for pair, some in fit for one in some], settings))
    grouped = [[next(rows) for _ in some] for _, some in fit]
    able = [pair for pair, _ in fit]
    preferences, silent = comparison.soft(able, grouped, identity.id, settings.clamp if settings.thought else 1.0)
    means = "log-probabilities" if comparison.weighs(model) else f"{settings.votes} votes an order (it gives no log-probabilities)"
    first = comparison.first_place(able, grouped, seed)
    bias = f"; the reply shown first got {first.value:.2f} of its belief ({first.low:.2f} to {first.high:.2f}), cancelled" if first else ""
    said = f"{model.ref.spec} told {len(preferences)} of {len(pairs)} pairs apart, by {means}{bias}"
    return Labelled(
        preferences,
        [one for some in grouped for one in some],
        (identity,),
        (backends.identify(model.ref, journal, base=True),),
        (said + _why(dropped + silent),),
    )


def _read(
    law: Constitution,
    pairs: Sequence[Pair],
    harmful: Sequence[bool],
    readouts: Readouts,
    config: FinetuneConfig,
    settings: FeedbackSettings,
) -> Labelled:
    """Labels of the `reply` read-out on harmful prompts; on harmless ones an answer over a refusal."""
    from scipy.special import expit, logit

    dropped = Counter(why for pair, bad in zip(pairs, harmful, strict=True) if bad and (why := _unfit(pair)))
    asked = [pair for pair, bad in zip(pairs, harmful, strict=True) if bad and not _unfit(pair)]
    judge = readouts.reply()
    risk = violations(judge, [p.transcript for p in asked for _ in "ab"], [reply for p in asked for reply in (p.a, p.b)])
    grouped = []
    for i, pair in enumerate(asked):
        a, b = risk[2 * i : 2 * i + 2]
        better = None if a is None or b is None else float(expit(logit(_inside(b)) - logit(_inside(a))))
        said = {"first": better, "second": better, "why": "" if better is not None else "not judged"}
        t = pair.transcript
        grouped.append([Comparison(prompt=t.prompt.id, principle=t.prompt.principle, a=pair.a.text, b=pair.b.text, **said)])
    preferences, silent = comparison.soft(asked, grouped, judge.identity.id, 1.0)
    told = f"the reply read-out told {len(preferences)} of {sum(harmful)} pairs on harmful prompts apart"
    helpful = _helpful(law, [p for p, bad in zip(pairs, harmful, strict=True) if not bad], readouts.weights, config.own_tokens)
    most = round(settings.harmless * len(preferences))
    helpful = sorted(helpful, key=lambda one: content_hash("harmless", *one.chat))[:most]  # which ones follows content, never order
    notes = (told + _why(dropped + silent), f"{len(helpful)} answers to harmless prompts over refusals")
    return Labelled([*preferences, *helpful], [one for some in grouped for one in some], (judge.identity,), (), notes)


def _helpful(law: Constitution, pairs: Sequence[Pair], weights: OpenWeights, tokens: int) -> list[Preference]:
    """The model's own answer (else what it answered before training) over its own refusal, else over one of the principles'."""
    found = []
    for pair in pairs:
        said = next((reply for reply in (pair.a, pair.b, pair.transcript.reply) if not reply.error and answered(reply.text)), None)
        if said is not None:
            refused = next((reply for reply in (pair.a, pair.b) if crude.says_no(reply.text)), None)
            instead = {"rejected": refused.text, "rejected_truncated": refused.truncated} if refused else {}
            own = own_answer(pair.transcript.model_copy(update={"reply": said}), weights, tokens)
            found += [one.model_copy(update=instead) for one in prefer(law, [own])]
    return found


def _by_dpo(
    journal: Journal,
    tuned: Tuned,
    weights: OpenWeights,
    prompts: Sequence[Prompt],
    preferences: Sequence[Preference],
    settings: FeedbackSettings,
    debt: descent.Debt,
) -> Learnt:
    """DPO on the soft labels, from the tuned model and towards it."""
    recipe = content_hash(tuned.ref.key, settings.dpo, *preferences)
    uses = descent.owed(f"run:{recipe}", prompts, debt)
    journal.spend(uses)

    def tell(point: CurvePoint, steps: int) -> None:
        journal.progress("training on feedback", point.step, steps)

    curve = train.dpo(weights, preferences, settings.dpo, journal.scratch(f"feedback-{recipe}"), tell)
    lineage = descent.descended(weights, tuned.lineage, tuned.ref, uses, debt)
    return Learnt(descent.kept(journal, weights, lineage, tuned.ref.family), lineage, curve)


def _by_rl(
    journal: Journal,
    tuned: Tuned,
    prompts: Sequence[Prompt],
    preferences: Sequence[Preference],
    settings: FeedbackSettings,
    debt: descent.Debt,
) -> Learnt:
    """A preference model fitted to the soft labels, and the tuned model optimised against it."""
    fitted = train_reward(journal, tuned.ref, tuple(preferences), settings.reward, debt)
    made = policy.optimise(journal, tuned.ref, prompts, open_reward(fitted.spec, journal), settings.policy, debt=debt)
    last = journal.rows(made.curve, PolicyPoint)[-1]
    held = fitted.held
    right = f", right on {held.value:.0%} of {held.n} held groups ({held.low:.0%} to {held.high:.0%})" if held else ""
    note = (
        f"a preference model of {fitted.pairs} pairs{right}; {made.algorithm} against it: "
        f"{last.kl:.2f} nats ({last.kl_low:.2f} to {last.kl_high:.2f}) after {last.step} steps"
    )
    notes = (note, *([made.stopped] if made.stopped else []))
    return Learnt(made.ref, made.lineage, journal.rows(fitted.curve, CurvePoint), (fitted.identity,), notes)


def _inside(probability: float) -> float:
    return min(max(probability, 1e-6), 1 - 1e-6)


def _why(dropped: Counter[str]) -> str:
    told = ", ".join(f"{name} {n}" for name, n in sorted(dropped.items(), key=lambda one: (-one[1], one[0])))
    return f"; left out: {told}" if told else ""
