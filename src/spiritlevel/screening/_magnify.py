"""A change of weights made larger: what training did faintly, the magnified copy does often (as task vectors: Ilharco et al. 2023)."""

from typing import Any

import torch

from spiritlevel.errors import DataError


def magnify(copy: Any, base: Any, factor: float) -> None:
    """Make the copy base + factor x (copy - base), in place; `numerics` tells it apart. DataError when their weights differ in shape."""
    first = dict(base.module.named_parameters())
    with torch.no_grad():
        for name, now in copy.module.named_parameters():
            if name not in first or first[name].shape != now.shape:
                raise DataError(
                    f"{copy.ref.spec!r} has {name!r} where {base.ref.spec!r} has no such weights; screen it against its own base"
                )
            start = first[name].float()
            now.copy_((start + factor * (now.float() - start)).to(now.dtype))
    copy.numerics = f"{copy.numerics} x{factor:g}"
    copy.refresh()
