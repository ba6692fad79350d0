"""What teaching some principles does to others that were left out."""

from spiritlevel.types.results import Estimate
from spiritlevel.types.values import Frozen, Grade, ModelRef


class TransferCell(Frozen):
    """One tested principle after training on some."""

    taught: tuple[str, ...]
    tested: str
    own: bool
    """The tested principle is among the taught ones."""
    change: Estimate
    """After less before, on the same held-out prompts."""


class TransferMatrix(Frozen):
    """Trained-on set by tested principle, for one outcome."""

    what: str
    cells: tuple[TransferCell, ...]
    own: Estimate
    """Mean over principles of the change where they were taught."""
    other: Estimate
    """Mean over principles of the change where they were left out: the transfer."""
    added: Estimate
    """`own` less `other`, in pairs: what teaching a principle itself adds."""
    unscored: int = 0
    """Prompts left out because some run lacks a reading of them."""


class Transfer(Frozen):
    """Train on k principles, test on those left out."""

    model: ModelRef
    k: int
    principles: tuple[str, ...]
    runs: tuple[ModelRef, ...]
    """The tuned models, one a row of the matrices."""
    harm: TransferMatrix
    """Delivered harm under plain harmful requests, by the judge of intent."""
    refused: TransferMatrix
    """Refused harmless look-alikes: what refuses everything transfers, too."""
    judge: str
    grade: Grade
    why_grade: str = ""
    notes: tuple[str, ...] = ()
