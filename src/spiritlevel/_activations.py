"""Forward hooks on any named module: read, replace, stop early; and batches of chats read through them."""

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spiritlevel.activations import Positions, Shard, Spans
from spiritlevel.errors import ConfigError, DataError, ModelError
from spiritlevel.types import Chat

Hook = Callable[[Tensor], Tensor | None]
"""Given what a module gives out (or takes in), returns nothing, or what shall stand in its place."""
PASS_TOKENS = 4096
"""Tokens, padding included, in one forward pass of scoring or reading."""
INPUT = ":in"
PATHS = (
    "model.layers",
    "model.language_model.layers",
    "language_model.model.layers",
    "model.decoder.layers",
    "transformer.h",
    "gpt_neox.layers",
)


class _Enough(Exception):
    """All that was wanted has been seen."""


@contextmanager
def hooked(module: Any, at: Mapping[str, Hook], *, stop: bool = False) -> Iterator[None]:
    """While inside, each named module's output (`NAME:in`: its first input) goes through its hook; removed however it ends.

    Of a tuple the first part counts, so a block's hidden states in transformers 4 and 5 alike. `stop`: the `with` body ends as soon as
    every hook has run. ModelError for a name that the module lacks.
    """
    waiting = set(at)
    handles: list[Any] = []

    def passed(name: str, value: Tensor) -> Tensor | None:
        given = at[name](value)
        waiting.discard(name)
        if stop and not waiting:
            raise _Enough
        return given

    def on_output(name: str) -> Any:
        def after(_: Any, __: Any, output: Any) -> Any:
            if isinstance(output, tuple):
                given = passed(name, output[0])
                return None if given is None else (given, *output[1:])
            return passed(name, output)

        return after

    def on_input(name: str) -> Any:
        def before(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if args:
                given = passed(name, args[0])
                return None if given is None else ((given, *args[1:]), kwargs)
            given = passed(name, kwargs["hidden_states"])
            return None if given is None else (args, {**kwargs, "hidden_states": given})

        return before

    try:
        for name in at:
            part = find(module, name.removesuffix(INPUT))
            if name.endswith(INPUT):
                handles.append(part.register_forward_pre_hook(on_input(name), with_kwargs=True))
            else:
                handles.append(part.register_forward_hook(on_output(name)))
        yield
    except _Enough:
        pass
    finally:
        for handle in handles:
            handle.remove()


def find(module: Any, name: str) -> Any:
    """The named submodule; ModelError lists what there is."""
    try:
        return module.get_submodule(name)
    except AttributeError:
        pass
    names = [known for known, _ in module.named_modules() if known]
    kinds = list(dict.fromkeys(re.sub(r"\.\d+(?=\.|$)", ".N", known) for known in names))
    near = difflib.get_close_matches(name, names, 1, 0.8)
    meant = f"did you mean {near[0]!r}? " if near else ""
    raise ModelError(f"{type(module).__name__!r} has no module {name!r}; {meant}it has: {', '.join(kinds[:40])}")


def blocks(module: Any) -> tuple[str, Any]:
    """(name, list) of the decoder blocks, in order. ModelError names what the architecture has instead."""
    for path in PATHS:
        part = module
        for name in path.split("."):
            part = getattr(part, name, None)
        if part is not None:
            return path, part
    config = getattr(module, "config", None)
    depth = getattr(config.get_text_config(), "num_hidden_layers", 0) if config else 0
    for name, part in module.named_modules():
        if isinstance(part, torch.nn.ModuleList) and len(part) == depth:
            return name, part
    names = ", ".join(name for name, _ in module.named_children())
    raise ModelError(
        f"The blocks of {type(module).__name__!r} are not where they are looked for (it has: {names}); use a Llama-like model."
    )


def passes(lengths: Sequence[int], budget: int = PASS_TOKENS) -> Iterator[list[int]]:
    """Places sorted by length, in batches that hold at most `budget` tokens with padding (or one row)."""
    places: list[int] = []
    for place in sorted(range(len(lengths)), key=lambda i: (lengths[i], i)):
        if places and (len(places) + 1) * lengths[place] > budget:
            yield places
            places = []
        places.append(place)
    if places:
        yield places


def padded(rows: Sequence[list[int]], device: Any) -> tuple[Tensor, Tensor]:
    """Right-padded ids and their mask, by length: a padding id may be the id that ends a turn."""
    long = max(len(row) for row in rows)
    ids = torch.tensor([row + [0] * (long - len(row)) for row in rows], device=device)
    mask = torch.tensor([[1] * len(row) + [0] * (long - len(row)) for row in rows], device=device)
    return ids, mask


@dataclass(frozen=True)
class Part:
    """What one batch gave: row i is of `chat[i]` at `position[i]` (-1: a mean), and `values[module][i]`; a chat's rows are together."""

    chat: np.ndarray
    position: np.ndarray
    values: dict[str, Tensor]
    tokens: int
    """Tokens of the batch, padding left out."""
    chats: int


def stream(weights: Any, chats: Sequence[Chat], modules: Sequence[str], at: Positions, first: bool, spans: Spans | None) -> Iterator[Part]:
    """Batches of chats of like length through the body, up to the last wanted module; on the CPU. Errors as activations.read."""
    ids = [weights.render(chat) for chat in chats]
    if (longest := max(map(len, ids))) > weights.context:
        raise DataError(f"A chat of {longest} tokens is longer than the context of {weights.context}; leave it out.")
    rows = [_rows(len(one), at, first, spans[i] if spans else None, i) for i, one in enumerate(ids)]
    for batch in passes([len(one) for one in ids]):
        yield _part(weights, [ids[i] for i in batch], [rows[i] for i in batch], batch, modules)


def _rows(length: int, at: Positions, first: bool, span: tuple[int, int] | None, chat: int) -> list[list[int]]:
    """The rows read of a chat of so many tokens, each as the places that it is the mean of."""
    start, end = span or (0, length)
    if not 0 <= start < end <= length:
        raise DataError(f"The span {(start, end)} does not lie within the {length} tokens of chat {chat}; give places of its rendering.")
    start = max(start, 0 if first else 1)
    wanted = at if isinstance(at, tuple) else (at,)
    if start == end and {"mean", "all"} & set(wanted):
        raise DataError(f"Chat {chat} has no token beyond the first, which is left out; leave the chat out or read with first=True.")
    found: list[list[int]] = []
    for one in wanted:
        if one == "all":
            found += [[place] for place in range(start, end)]
        elif isinstance(one, str):
            found.append(list(range(start, end)) if one == "mean" else [end - 1])
        else:
            found.append([one + length if one < 0 else one])
    if not found or any(not 0 <= row[0] < length for row in found):
        raise DataError(f"Chat {chat} of {length} tokens lacks one of the positions {wanted!r}; choose positions that every chat has.")
    if [0] in found and not first and "last" not in wanted:
        raise ConfigError(f"Positions {wanted!r} name the first token, an outlier that is left out; read with first=True to have it.")
    return found


def gather(module: Any, ids: Sequence[list[int]], places: Sequence[Sequence[int]], names: Sequence[str], device: Any) -> dict[str, Tensor]:
    """Of one padded batch, each named module's values at the places of row after row: (places in all, width), on the CPU.

    The pass ends at the last module wanted. ModelError for a module without positions, or one that takes no part.
    """
    row = torch.tensor([i for i, own in enumerate(places) for _ in own], device=device)
    column = torch.tensor([place for own in places for place in own], device=device)
    values: dict[str, Tensor] = {}

    def reader(name: str) -> Hook:
        def keep(x: Tensor) -> None:
            if x.dim() != 3 or x.shape[0] != len(ids):
                raise ModelError(
                    f"{name!r} gives {tuple(x.shape)} and not (chats, tokens, width), so it has no positions; choose another module."
                )
            values[name] = x[row, column].cpu()

        return keep

    with torch.inference_mode():
        batch, mask = padded(ids, device)
        with hooked(module, {name: reader(name) for name in names}, stop=True):
            module(input_ids=batch, attention_mask=mask, use_cache=False)
    if missing := [name for name in names if name not in values]:
        raise ModelError(f"{missing[0]!r} takes no part in a forward pass of {type(module).__name__!r}; choose another module.")
    return values


def _part(weights: Any, ids: Sequence[list[int]], rows: Sequence[list[list[int]]], chats: Sequence[int], modules: Sequence[str]) -> Part:
    values = gather(weights.module, ids, [[place for row in own for place in row] for own in rows], modules, weights.device)
    sizes = [len(row) for own in rows for row in own]
    chat = np.repeat(np.asarray(chats, np.int32), [len(own) for own in rows])
    for name, found in values.items():
        if not bool((good := torch.isfinite(found).all(1)).all()):
            wrong = int(np.repeat(chat, sizes)[int((~good).nonzero()[0, 0])])
            raise DataError(
                f"The activations of {name!r} are NaN or infinite on chat {wrong}; the weights or the number format are broken."
            )
    if max(sizes) > 1:
        values = {name: torch.stack([part.float().mean(0) for part in found.split(sizes)]) for name, found in values.items()}
    position = np.asarray([row[0] if len(row) == 1 else -1 for own in rows for row in own], np.int32)
    return Part(chat, position, values, sum(map(len, ids)), len(ids))


def save(
    parts: Iterable[Part], folder: Path, modules: Sequence[str], most: int, chats: int, progress: Callable[[int, int], None] | None
) -> tuple[tuple[Shard, ...], tuple[int, ...], int]:
    """Shards of about `most` bytes: (shards, widths of the modules, tokens read)."""
    from safetensors.torch import save_file

    shards: list[Shard] = []
    held: list[Part] = []
    size = tokens = done = 0
    widths: tuple[int, ...] = ()

    def flush() -> None:
        file = f"shard-{len(shards):05d}.safetensors"
        tensors = {name: torch.cat([part.values[name] for part in held]) for name in modules}
        tensors["chat"] = torch.from_numpy(np.concatenate([part.chat for part in held]))
        tensors["position"] = torch.from_numpy(np.concatenate([part.position for part in held]))
        save_file(tensors, folder / file)
        shards.append(Shard(file=file, rows=len(tensors["chat"])))
        held.clear()

    for part in parts:
        held.append(part)
        widths = tuple(part.values[name].shape[1] for name in modules)
        size += sum(value.nbytes for value in part.values.values())
        tokens, done = tokens + part.tokens, done + part.chats
        if size >= most:
            flush()
            size = 0
        if progress:
            progress(done, chats)
    if held:
        flush()
    return tuple(shards), widths, tokens


def load(file: Path, module: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(chat, position, float32 rows) of one module in one shard."""
    from safetensors import safe_open

    with safe_open(file, "pt") as kept:
        return kept.get_tensor("chat").numpy(), kept.get_tensor("position").numpy(), kept.get_tensor(module).float().numpy()
