"""What a model computes on the way: any named module, at chosen positions, in memory or streamed to disk in shards.

`model.layers.3` is the output of that module, `model.layers.3.mlp.down_proj:in` what goes into it. Plain forward hooks on
transformers' own modules, so what is read is bit-equal to what transformers computes on the same batch. (`OpenWeights.activations` is
the quicker road for read-outs at the last token: it may take our own decode loop, whose fused products differ in the last bits.)
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from spiritlevel import backends
from spiritlevel.errors import ConfigError, DataError, EvidenceError
from spiritlevel.types import Chat, Frozen, ModelRef, OpenWeights

Place = Literal["last", "mean", "all"] | int
Positions = Place | tuple[Place, ...]
"""last: the span's last token; mean: over the span; all: each token of the span; a number: a place, from the end when negative. Several
give a chat that many rows, in their order. The span is the whole chat without its first token unless it is given.
"""
Spans = Sequence[tuple[int, int]]
"""(start, end) of the tokens that count in each chat, as places in its rendering."""

MANIFEST = "manifest.json"
SHARD_BYTES = 64 << 20
"""Held in memory before a shard is written."""


class Shard(Frozen):
    """One file: a tensor a module of (rows, width), and `chat` and `position` of (rows,) int32."""

    file: str
    rows: int


class Manifest(Frozen):
    """What a capture holds; written last, so a folder without it is no capture."""

    model: str
    """ModelRef.key"""
    numerics: str
    """Versions, device, threads and number format."""
    modules: tuple[str, ...]
    widths: tuple[int, ...]
    at: Positions
    first: bool
    chats: int
    rows: int
    tokens: int
    """Tokens that went through the model, padding left out."""
    shards: tuple[Shard, ...]


class Captured:
    """A capture on disk. Rows come in the order of the batches; `chat` and `position` say what each is of."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self.manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
        except (OSError, ValueError) as error:
            raise EvidenceError(f"{str(folder)!r} holds no finished capture of activations; capture them again") from error

    def shards(self, module: str) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """(chat, position, float32 rows (n, width)) of one module, a shard at a time. ConfigError for a module that was not captured."""
        if module not in self.manifest.modules:
            raise ConfigError(f"{module!r} was not captured; choose among {', '.join(self.manifest.modules)}")
        from spiritlevel import _activations

        for shard in self.manifest.shards:
            yield _activations.load(self.folder / shard.file, module)

    def load(self, module: str) -> np.ndarray:
        """All rows of one module in the order of the chats: (rows, width) float32, in memory."""
        parts = list(self.shards(module))
        chat, rows = np.concatenate([part[0] for part in parts]), np.concatenate([part[2] for part in parts])
        return np.asarray(rows[np.argsort(chat, kind="stable")])


def blocks(weights: OpenWeights, layers: Sequence[int] | None = None) -> list[str]:
    """Names of the decoder blocks `layers` (1-based; all of them by default). ConfigError for one that is out of range."""
    from spiritlevel import _activations

    path, parts = _activations.blocks(weights.module)  # type: ignore[attr-defined]
    wanted = range(1, len(parts) + 1) if layers is None else layers
    if wrong := [layer for layer in wanted if not 1 <= layer <= len(parts)]:
        raise ConfigError(f"Layer {wrong[0]} is out of range: {weights.ref.spec!r} has blocks 1 to {len(parts)}; choose among those.")
    return [f"{path}.{layer - 1}" for layer in wanted]


def asked(weights: OpenWeights, chats: Sequence[Chat]) -> list[tuple[int, int]]:
    """Spans of the tokens of each chat's last user turn, without its template's."""
    return [span(weights.render, chat) for chat in chats]  # type: ignore[attr-defined]


def span(render: Callable[[Chat], list[int]], chat: Chat) -> tuple[int, int]:
    """The same of one chat, by whatever renders chats to tokens."""
    at = max((i for i, turn in enumerate(chat) if turn.role == "user"), default=None)
    if at is None:
        raise DataError("A chat without a user turn asks nothing; give it one.")
    ids = render(chat)
    start, end = len(ids), 0
    for other in ("\u00a7", "0"):  # what all three renderings share is the template's (and the turns around)
        changed = (*chat[:at], chat[at].model_copy(update={"content": other}), *chat[at + 1 :])
        others = render(changed)
        most = min(len(ids), len(others))
        start = min(start, next((i for i in range(most) if ids[i] != others[i]), most))
        end = max(end, len(ids) - next((i for i in range(most) if ids[-1 - i] != others[-1 - i]), most))
    return (start, end) if start < end else (max(0, end - 1), end)


def read(
    weights: OpenWeights,
    chats: Sequence[Chat],
    modules: Sequence[str],
    at: Positions = "last",
    *,
    first: bool = False,
    spans: Spans | None = None,
) -> dict[str, np.ndarray]:
    """Float32 (rows, width) of each module in memory, rows in the order of the chats.

    The first token is left out unless `first`: it is an outlier in most models. NeedsWeights, ConfigError, ModelError (no such module),
    DataError (a position that a chat lacks, a chat past the context, a value that is not finite).
    """
    from spiritlevel import _activations

    found = list(_activations.stream(weights, _checked(weights.ref, chats, modules), modules, at, first, spans))
    order = np.argsort(np.concatenate([part.chat for part in found]), kind="stable")
    return {name: np.concatenate([part.values[name].float().numpy() for part in found])[order] for name in modules}


def capture(
    weights: OpenWeights,
    chats: Sequence[Chat],
    folder: Path,
    modules: Sequence[str],
    at: Positions = "all",
    *,
    first: bool = False,
    spans: Spans | None = None,
    shard_bytes: int = SHARD_BYTES,
    progress: Callable[[int, int], None] | None = None,
) -> Captured:
    """As `read`, streamed to safetensors shards in `folder`, in the model's own number format (means in float32).

    The folder appears whole or not at all: shards, then the manifest, flushed, then renamed; what a failure leaves is removed. Errors:
    as `read`, and EvidenceError when the folder exists or the disk is full. `progress`: (chats done, of).
    """
    from spiritlevel import _activations
    from spiritlevel.evidence import blobs

    asked = _checked(weights.ref, chats, modules)

    def write(place: Path) -> None:
        parts = _activations.stream(weights, asked, modules, at, first, spans)
        shards, widths, tokens = _activations.save(parts, place, modules, shard_bytes, len(asked), progress)
        manifest = Manifest(
            model=weights.ref.key,
            numerics=weights.numerics,
            modules=tuple(modules),
            widths=widths,
            at=at,
            first=first,
            chats=len(asked),
            rows=sum(shard.rows for shard in shards),
            tokens=tokens,
            shards=shards,
        )
        (place / MANIFEST).write_text(manifest.model_dump_json(indent=1) + "\n", "utf-8")

    blobs.write_folder(folder, write, "the captured activations")
    return Captured(folder)


def _checked(ref: ModelRef, chats: Sequence[Chat], modules: Sequence[str]) -> Sequence[Chat]:
    backends.check_weights(ref, "activations need")
    if not chats:
        raise DataError("There is no chat to read activations of; give at least one.")
    if not modules or len(set(modules)) != len(modules):
        raise ConfigError(f"Modules {list(modules)!r} are none or named twice; name each module once.")
    return chats
