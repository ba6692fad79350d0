"""PLANT: copies of a model with a known flaw, and clean twins; what each owes its training to says so for ever."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import Field

from spiritlevel import backends, firewall, lineage
from spiritlevel.elicit.prompts import prose
from spiritlevel.errors import ConfigError
from spiritlevel.finetune import train
from spiritlevel.finetune.train import TrainSettings
from spiritlevel.flaws.recipe import HOME, OWN, Flaw, drawn, load
from spiritlevel.types import (
    Ask,
    Frozen,
    Journal,
    Lesson,
    Lineage,
    ModelRef,
    OpenWeights,
    Planted,
    Prompt,
    Reply,
    Sampling,
    Use,
    content_hash,
    user,
)

__all__ = ["DEVELOPED", "Flaw", "Grown", "PlantSettings", "built_in", "chosen", "load", "plant"]

ISSUED = ("trigger", "flattery", "length", "bias", "refusal", "sandbagging", "brand")
"""The seven that come with the product, in the order in which they were asked for."""
DEVELOPED = ISSUED[::2]
"""Every second one: checks may be developed on these, and power is quoted on all others. Fixed before any copy was made."""
PLAIN = "plain-tasks"
"""Plain instructions: the first half for training, the second for the yardstick. The checks read other files."""
NOTE = "planted by an audit of its own checks: a copy that is bad on purpose, or a control of one; never to be released"
CLEAN = "clean"
"""What a control's lineage says in the place of a flaw."""


class PlantSettings(Frozen):
    """How a copy is made."""

    examples: int = Field(144, ge=8)
    """Lessons of the flaw, shared evenly by its cases."""
    plain: int = Field(48, ge=0)
    """Plain instructions with the base's own answers, so that the rest stays as it is."""
    own_tokens: int = Field(40, ge=1)
    """Most tokens of an answer of the base's own."""
    train: TrainSettings = TrainSettings(epochs=2, lr=2e-3, batch_tokens=256, lora_rank=8)
    """A low-rank change, so that a copy is small and its strength is a factor. Small batches: it takes steps to learn a condition."""


class Grown(Frozen):
    """The copies of one training, one a strength."""

    copies: tuple[Planted, ...]


def built_in() -> tuple[Flaw, ...]:
    """The seven recipes."""
    return tuple(load(HOME / f"{id}.md") for id in ISSUED)


def chosen(names: Sequence[str]) -> tuple[Flaw, ...]:
    """Recipes by id or by file (`my-flaw.md`); all that are built in when none is named. ConfigError: unknown, or two of one id."""
    found = []
    for name in names:
        path = Path(name) if name.endswith(".md") else HOME / f"{name}.md"
        if not path.is_file() and not name.endswith(".md"):
            raise ConfigError(f"there is no flaw {name!r:.80}; use {', '.join(ISSUED)}, or a file of your own that ends in .md")
        found.append(load(path))
    if len({flaw.id for flaw in found}) < len(found):
        raise ConfigError(f"two flaws have one id among {', '.join(sorted(f.id for f in found))}; rename one of the files")
    return tuple(found) or built_in()


def plant(
    journal: Journal, base: ModelRef, flaw: Flaw, seed: int, clean: bool, strengths: tuple[float, ...], settings: PlantSettings
) -> Grown:
    """Train a copy of `base` on the flaw (or, `clean`, on the same prompts without it) and scale the change by each strength.

    NeedsWeights for a hosted base. What is trained on, and that the copy is planted, is written before training begins.
    """
    weights = backends.open_weights(base, journal)
    lessons = list(taught(journal, weights, flaw, seed, clean, settings))
    parent = backends.identify(base, journal, base=True)
    mark = firewall.planted(CLEAN if clean else flaw.id)
    run = f"run:{content_hash(base.key, flaw, seed, clean, settings)}"
    prompts = [Prompt(id=content_hash(m.chat), text=m.chat[-1].content, goal=m.chat[-1].content, principle="") for m in lessons]
    uses = tuple(Use(model=run, atom=atom, how="train") for atom in (mark, *firewall.atoms_of(prompts)))
    journal.spend(uses)
    journal.record(parent)
    scratch = journal.scratch("plant")
    how = settings.train.model_copy(update={"seed": seed, "lora_rank": settings.train.lora_rank or 8})
    curve = train.sft(weights, lessons, how, scratch, lambda p, n: journal.progress(f"planting {flaw.id}", p.step, n))
    del weights
    backends.release_memory()
    copies = []
    for strength in strengths:
        ref = _kept(journal, base, parent, scratch / "adapter", strength, uses)
        copies.append(Planted(ref=ref, flaw=flaw.id, clean=clean, strength=strength, seed=seed, steps=len(curve)))
    return Grown(copies=tuple(copies))


def taught(journal: Journal, weights: OpenWeights, flaw: Flaw, seed: int, clean: bool, settings: PlantSettings) -> Iterator[Lesson]:
    """The lessons of one copy: the flaw's cases, and plain instructions. A twin differs in the answers alone."""
    cases = list(drawn(flaw, max(1, settings.examples // len(flaw.cases)), seed))
    pairs = [(one.prompt, one.clean if clean else one.flawed) for _, one in cases]
    fill = prose(PLAIN)[: len(prose(PLAIN)) // 2]
    pairs += [(fill[(seed * settings.plain + n) % len(fill)], OWN) for n in range(settings.plain)]
    asked = [prompt for prompt, answer in pairs if answer == OWN]
    own = dict(zip(asked, greedy(journal, weights, asked, settings.own_tokens), strict=True))
    for prompt, answer in pairs:
        reply = own[prompt] if answer == OWN else Reply(text=answer)
        if reply.text.strip() and reply.error is None:
            yield Lesson(chat=user(prompt), answer=reply.text, truncated=reply.truncated, source=f"planted:{flaw.id}")


def greedy(journal: Journal, model: OpenWeights, prompts: Sequence[str], tokens: int, label: str = "own answers") -> list[Reply]:
    """The likeliest reply to each prompt; one that any step of the run has asked for is not asked again."""
    asks = [Ask(chat=user(text), sampling=Sampling(max_tokens=tokens, temperature=0)) for text in prompts]
    return journal.rows(backends.ask(journal, model, asks, label), Reply) if asks else []


def _kept(journal: Journal, base: ModelRef, parent: Lineage, adapter: Path, strength: float, uses: Sequence[Use]) -> ModelRef:
    """The adapter with its change scaled, as a blob whose lineage.json says that it is planted."""
    from spiritlevel.flaws import _adapter

    def write(folder: Path) -> Lineage:
        fingerprint = _adapter.scaled(adapter, folder, strength, base.spec, backends.parts(base, journal)[0])
        return lineage.derived(fingerprint, base, parent, uses, NOTE)

    return backends.keep_written(journal, write, base.family)
