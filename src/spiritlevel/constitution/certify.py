"""The certify half of the examples: certifying judges are fitted to it, training never sees it.

No training code imports this module (an import contract), and the Constitution that training is handed has neither the examples
nor the folder that they lie in.
"""

from pathlib import Path

from spiritlevel.constitution.loading import examples, root_of, stems
from spiritlevel.constitution.model import Example
from spiritlevel.constitution.reading import Faults
from spiritlevel.errors import ConstitutionError


def load(folder: Path | str | None = None) -> tuple[Example, ...]:
    """The certify half of a constitution's examples; ConstitutionError lists faults."""
    root = root_of(folder)
    faults = Faults()
    found = examples(root / "certify", stems(root), faults)
    if faults.found:
        raise ConstitutionError(faults.found)
    return tuple(found)
