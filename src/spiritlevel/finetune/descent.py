"""What weights that were trained against a reward owe to whom, and where they are kept."""

from collections.abc import Sequence

from spiritlevel import backends, firewall
from spiritlevel.finetune import train
from spiritlevel.types import Instrument, Journal, Lineage, ModelRef, OpenWeights, Prompt, Use


def owed(run: str, prompts: Sequence[Prompt], reward: Instrument) -> tuple[Use, ...]:
    """All that training is about to owe itself to: the prompts, and the reward with all that it is made of."""
    atoms = (*firewall.atoms_of(prompts), firewall.judge(reward.id))
    return tuple(Use(model=run, atom=atom, how="train") for atom in atoms)


def descended(weights: OpenWeights, parent: Lineage, model: ModelRef, uses: Sequence[Use], reward: Instrument) -> Lineage:
    """Lineage of `weights`, trained from `model` against `reward`."""
    fingerprint = train.fingerprint(weights)
    return Lineage(
        weights=fingerprint,
        body=parent.body,
        parents=(model.key,),
        uses=tuple(use.model_copy(update={"model": fingerprint}) for use in uses),
        judges=(reward,),
        families=tuple(sorted({*parent.families, model.family, *([reward.family] if reward.family else [])})),
        history="known" if parent.history in ("known", "base") else parent.history,
        note=parent.note,
    )


def kept(journal: Journal, weights: OpenWeights, lineage: Lineage, family: str) -> ModelRef:
    """The weights as a blob with their lineage.json, entered into the ledger."""
    return backends.keep(journal, weights, lineage, family)
