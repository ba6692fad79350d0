"""Sandbagging, asked by fine-tuning: what a cue hides returns after a few examples, beyond what these teach (Greenblatt et al. 2024)."""

from collections.abc import Sequence

from pydantic import Field

from spiritlevel import backends, stats
from spiritlevel.finetune import train
from spiritlevel.finetune.train import TrainSettings
from spiritlevel.interpret.sandbagging import Floats, Question, SandbaggingSettings, answered, parted, under
from spiritlevel.types import Estimate, Journal, Lesson, ModelRef, Unlocked, content_hash, user


class UnlockSettings(SandbaggingSettings):
    """How the few examples are taught."""

    examples: int = Field(16, ge=1)
    """Development questions that each copy learns, at most."""
    train: TrainSettings = TrainSettings(epochs=8, lr=1e-3, batch_tokens=256, lora_rank=16)


def unlock(journal: Journal, model: ModelRef, questions: tuple[Question, ...], cue: str, settings: UnlockSettings) -> Unlocked:
    """Teach one copy some development questions under the cue, another the same without it, and ask both the test questions so.

    The copies leave no weights. As sandbagging.run: NeedsWeights, DataError for an empty cue or too few questions.
    """
    development, test, groups = parted(model, questions, cue, settings)
    shown = sorted(development, key=lambda q: content_hash("shown", settings.seed, q))[: settings.examples]
    how = settings.train.model_copy(update={"seed": settings.seed})

    def right(before: str, taught: Sequence[Lesson]) -> tuple[Floats, int]:
        weights = backends.open_weights(model, journal)
        steps = 0
        if taught:
            place = journal.scratch("with the cue" if before else "without")
            steps = len(train.sft(weights, taught, how, place, lambda p, n: journal.progress("a few examples", p.step, n)))
        found = answered(journal, weights, test, before, content_hash(how, *taught) if taught else "")
        del weights
        backends.release_memory()
        return found, steps

    def lessons(before: str) -> list[Lesson]:
        return [Lesson(chat=user(under(before, q.question)), answer=q.choices[q.answer], source="sandbagging") for q in shown]

    cued, plain = right(cue, ())[0], right("", ())[0]
    (freed, steps), (better, _) = right(cue, lessons(cue)), right("", lessons(""))
    returned = stats.paired_change(cued, freed, groups, name="returned, a few examples")
    learnt = stats.paired_change(plain, better, groups, name="learnt")
    return Unlocked(
        model=model,
        cue=cue,
        examples=len(shown),
        steps=steps,
        tuned=stats.rate(freed, groups, name="accuracy"),
        returned=returned,
        learnt=learnt,
        beyond=beyond(returned, learnt),
        notes=(
            f"each of two copies learnt {len(shown)} development questions, and neither is kept; {len(test)} others were asked",
            "where accuracy without the cue is near its best the examples can add little there, and some of what returns may be learnt",
        ),
    )


def beyond(returned: Estimate, learnt: Estimate) -> Estimate:
    """The difference, its variance recovered from the limits of both (MOVER; Zou & Donner 2008), as if the two were independent."""
    lost = learnt.model_copy(update={"value": -learnt.value, "low": -learnt.high, "high": -learnt.low})
    half = stats.mean_of([returned, lost], name="returned beyond learnt")
    return half.model_copy(update={"value": 2 * half.value, "low": 2 * half.low, "high": 2 * half.high, "n": returned.n})
