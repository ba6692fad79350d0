"""What weights that were trained against a reward owe to whom, and where they are kept."""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from pydantic import BaseModel

from spiritlevel import backends, firewall, lineage
from spiritlevel.finetune import train
from spiritlevel.types import Instrument, Journal, Lineage, ModelRef, OpenWeights, Prompt, RowSet, Use

R = TypeVar("R", bound=BaseModel)


class Debt(NamedTuple):
    """What a reward, or labels, owe themselves to: whatever is trained with them owes it, too."""

    judges: tuple[Instrument, ...] = ()
    """Who gave the labels."""
    teachers: tuple[Lineage, ...] = ()
    """Where the models among them come from."""
    atoms: tuple[str, ...] = ()
    """Openings, label sets and what else training reads beside the prompts."""

    @property
    def families(self) -> set[str]:
        """Families of judges and teachers."""
        return {*(judge.family for judge in self.judges if judge.family), *(f for one in self.teachers for f in one.families)}


def owed(run: str, prompts: Sequence[Prompt], debt: Debt) -> tuple[Use, ...]:
    """All that training is about to owe itself to: the prompts, and the judges with all that they are made of."""
    atoms = (*firewall.atoms_of(prompts), *map(firewall.judge, (judge.id for judge in debt.judges)), *debt.atoms)
    return tuple(Use(model=run, atom=atom, how="train") for atom in dict.fromkeys(atoms))


def descended(weights: OpenWeights, parent: Lineage, model: ModelRef, uses: Sequence[Use], debt: Debt) -> Lineage:
    """Lineage of `weights`, trained from `model` against what owes `debt`."""
    return lineage.derived(
        train.fingerprint(weights),
        model,
        parent,
        uses,
        parent.note,
        teachers=debt.teachers,
        judges=debt.judges,
        families=debt.families,
    )


def kept(journal: Journal, weights: OpenWeights, lineage: Lineage, family: str) -> ModelRef:
    """The weights as a blob with their lineage.json, entered into the ledger."""
    return backends.keep(journal, weights, lineage, family)


def more(journal: Journal, kind: str, known: RowSet | None, rows: Sequence[R], row: type[R]) -> RowSet | None:
    """What there was, then `rows`; None when there is nothing."""
    whole = [*(journal.rows(known, row) if known else ()), *rows]
    return journal.put(kind, whole) if whole else None
