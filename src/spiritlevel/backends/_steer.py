"""A local model whose residual stream is changed along a direction while it answers."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from spiritlevel import _activations
from spiritlevel.backends._decode import Edits
from spiritlevel.backends._local import LocalModel
from spiritlevel.errors import ConfigError
from spiritlevel.types import Ask, Chat, Logprobs, Reply, Steer, content_hash

FILE = "direction.npy"


class Steered:
    """Implements types.Model over a local model; `file` is as Steer.blob says."""

    def __init__(self, model: LocalModel, how: Steer, file: Path) -> None:
        self.ref, self.batch = model.ref, model.batch
        self.numerics = f"{model.numerics}, steered {content_hash(how)}"
        self._model = model
        found = np.load(file, allow_pickle=False)
        if found.shape != (model.layers, 3, model.width) or not set(how.layers) <= set(range(1, model.layers + 1)):
            raise ConfigError(
                f"The direction {how.blob!r} of shape {found.shape} at layers {how.layers} does not fit {model.ref.spec!r} "
                f"of {model.layers} blocks and width {model.width}; steer the model that it was made on."
            )
        self._edits = edits(torch.from_numpy(found).to(model.device), how)

    @property
    def layers(self) -> int:
        """Blocks of the model."""
        return int(self._model.layers)

    def logprobs(self, chats: Sequence[Chat], truncated: Sequence[bool] | None = None) -> list[Logprobs]:
        """As LocalModel.logprobs, steered: what a steered answer was drawn from."""
        path = _activations.blocks(self._model.module)[0]
        hooks = {f"{path}.{layer - 1}": spared(edit) for layer, edit in self._edits.items()}
        with _activations.hooked(self._model.module, hooks):
            return self._model.logprobs(chats, truncated)

    def stream(self, asks: Sequence[Ask], seeds: Sequence[int]) -> Iterator[tuple[int, Reply]]:
        """As LocalModel.stream, steered."""
        return self._model.stream(asks, seeds, self._edits)


def spared(edit: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[torch.Tensor], torch.Tensor]:
    """The edit of (n, s, width) but for the first token, which no change here touches."""
    return lambda x: torch.cat((x[:, :1], edit(x[:, 1:])), 1)


def edits(found: torch.Tensor, how: Steer) -> Edits:
    """What `how` does after each of its blocks. `found` (blocks, 3, width): direction d, centre m and scale s after each block.

    subtract: x - c d. ablate, in standardised units z = (x - m) / s and along the unit vector r of d / s: z - c (z . r) r
    (Arditi et al. 2024, section 2.4; about the harmless mean as in Marshall et al. 2024). Float32 inside.
    """

    def subtract(x: torch.Tensor, by: torch.Tensor) -> torch.Tensor:
        return (x.float() - by).to(x.dtype)

    def ablate(x: torch.Tensor, back: torch.Tensor, onto: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
        wide = x.float()
        return (wide - how.coefficient * ((wide @ onto) - at)[..., None] * back).to(x.dtype)

    made: dict[int, object] = {}
    for layer in how.layers:
        direction, centre, scale = found[layer - 1].float()
        if how.kind == "subtract":
            by = how.coefficient * direction
            made[layer] = lambda x, by=by: subtract(x, by)
            continue
        unit = direction / scale
        unit = unit / unit.norm()
        back, onto = scale * unit, unit / scale
        made[layer] = lambda x, back=back, onto=onto, at=centre @ onto: ablate(x, back, onto, at)
    return made  # type: ignore[return-value]
