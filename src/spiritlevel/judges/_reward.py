"""A reward model in memory: any body, and scalar heads on its hidden state at the true last token."""

import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoTokenizer

from spiritlevel.backends import _device, _local
from spiritlevel.backends._quiet import quiet
from spiritlevel.backends._render import Renderer
from spiritlevel.backends._rows import MOST_PACKED, Batch, Row, can_pack, collate, hidden, packed_size
from spiritlevel.errors import DataError, ModelError
from spiritlevel.types import Chat

HEAD, ABOUT = "head.safetensors", "reward.json"
PASS_TOKENS = 4096
"""Padded tokens in one pass of bodies whose rows are not packed."""


class Rewarder(nn.Module):  # type: ignore[misc,unused-ignore]
    """Body and head. A score is (head . hidden - offset) / temperature: centred, and in log-odds of being preferred."""

    def __init__(self, body: Any, heads: int, *, seed: int = 0) -> None:
        super().__init__()
        self.body, self.config = body, body.config
        self.head = nn.Linear(width(body), heads, bias=False)
        draw = torch.Generator().manual_seed(seed)
        # small enough that all scores begin near each other, apart enough that the heads differ
        nn.init.normal_(self.head.weight, std=1 / (self.head.in_features + 1) ** 0.5, generator=draw)
        self.head.to(next(body.parameters()).device)

    def forward(self, batch: Batch) -> Tensor:
        """(rows, heads) float32 raw scores; each row of the batch was made by `ending`."""
        return self.raw(self.pooled(batch))

    def pooled(self, batch: Batch) -> Tensor:
        """(rows, width) hidden state of each row's last token, found by its length and never by a token id."""
        return hidden(self.body, self.config.get_text_config(), batch).index_select(0, batch.where + 1)

    def raw(self, pooled: Tensor) -> Tensor:
        """Heads on hidden states, in float32."""
        with torch.autocast(pooled.device.type, enabled=False):
            return nn.functional.linear(pooled.float(), self.head.weight.float())


def width(body: Any) -> int:
    """Size of the hidden state."""
    return int(body.config.get_text_config().hidden_size)


def ending(ids: Sequence[int]) -> Row:
    """A row whose one label is its last token: `where` + 1 is then where it ends."""
    return Row(tuple(ids), len(ids) - 1)


class Reading:
    """How chats become rows for a body: its own template where it has one, and the end of turn as its author wrote it."""

    def __init__(self, tokenizer: Any, name: str, longest: int) -> None:
        self.renderer, self.longest = Renderer(tokenizer, name), longest
        if self.renderer.end is None:  # an encoder: its separator ends a text
            self.renderer.end = tokenizer.sep_token_id

    def row(self, chat: Chat, truncated: bool) -> Row | None:
        """None when prompt and answer do not fit: an answer that is scored in part is another answer."""
        try:
            ids, _ = self.renderer.labelled(chat, truncated)
        except DataError:
            return None
        return ending(ids) if 2 <= len(ids) <= self.longest else None


class LocalReward:
    """types.RewardModel on weights in memory."""

    def __init__(self, module: Rewarder, reading: Reading, offset: Sequence[float], temperature: Sequence[float]) -> None:
        self.module, self.reading = module, reading
        self.offset, self.temperature = np.asarray(offset, dtype=np.float32), np.asarray(temperature, dtype=np.float32)
        self.heads = len(self.offset)

    def score(self, chats: Sequence[Chat], truncated: Sequence[bool] | None = None) -> NDArray[np.float32]:
        """(n, heads); NaN where the chat cannot be rendered or is longer than the context."""
        cut = truncated or [False] * len(chats)
        rows = [self.reading.row(chat, stop) for chat, stop in zip(chats, cut, strict=True)]
        found = np.full((len(chats), self.heads), np.nan, dtype=np.float32)
        kept = [i for i, row in enumerate(rows) if row is not None]
        if kept:
            found[kept] = (raw_scores(self.module, [row for row in rows if row is not None]) - self.offset) / self.temperature
        return found


def raw_scores(module: Rewarder, rows: Sequence[Row]) -> NDArray[np.float32]:
    """(rows, heads) before centring."""
    read = torch.from_numpy(features(module, rows)).to(module.head.weight.device)
    found: NDArray[np.float32] = module.raw(read).detach().cpu().numpy()
    return found


def features(module: Rewarder, rows: Sequence[Row]) -> NDArray[np.float32]:
    """(rows, width) hidden states at the true end. Rows that begin alike run their beginning once."""
    found = np.zeros((len(rows), module.head.in_features), dtype=np.float32)
    pack, device = can_pack(module), module.head.weight.device
    with torch.inference_mode():
        for places in lines(rows) if pack else passes(rows):
            batch = collate([rows[i] for i in places], device=device, pack=pack)
            found[places] = module.pooled(batch).float().cpu().numpy()
    return found


def lines(rows: Sequence[Row]) -> Iterator[list[int]]:
    """Places of rows in packed lines: neighbours in alphabetical order share the longest beginnings."""
    held: list[int] = []
    shared = 0
    for place in sorted(range(len(rows)), key=lambda i: rows[i].ids):
        ids = rows[place].ids
        common = _common(rows[held[-1]].ids, ids) if held else len(ids)
        least = min([*(len(rows[i].ids) for i in held), len(ids)]) - 2
        now = max(min(shared, common, least), 0) if held else max(least, 0)
        if held and (now == 0 or packed_size([*(len(rows[i].ids) - now for i in held), len(ids) - now], now) > MOST_PACKED):
            yield held
            held, now = [], max(len(ids) - 2, 0)
        held.append(place)
        shared = now
    if held:
        yield held


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def passes(rows: Sequence[Row]) -> Iterator[list[int]]:
    """Places of rows in padded batches, sorted by length."""
    held: list[int] = []
    for place in sorted(range(len(rows)), key=lambda i: (len(rows[i].ids), i)):
        if held and (len(held) + 1) * len(rows[place].ids) > PASS_TOKENS:
            yield held
            held = []
        held.append(place)
    if held:
        yield held


def begin(folder: Path, adapter: Path | None, name: str, heads: int, *, seed: int = 0, dtype: str = "auto") -> tuple[Rewarder, Reading]:
    """A fresh head on the body of a folder: causal language models without their head, encoders as they are."""
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    where = _device.device()
    chosen = _device.choose(dtype, where, _device.sizes(folder)[0])
    if adapter is not None or (config.architectures or [""])[0].endswith("ForCausalLM"):
        whole, tokenizer = _local.read(folder, chosen, adapter)
        body = whole.get_decoder()
    else:
        body, tokenizer = _plain(folder, chosen)
    longest = int(getattr(config.get_text_config(), "max_position_embeddings", None) or 1 << 30)
    return Rewarder(body.to(where), heads, seed=seed), Reading(tokenizer, name, longest)


def save(module: Rewarder, reading: Reading, about: dict[str, Any], folder: Path) -> None:
    """Body (save_pretrained), tokenizer, head in float32, and `about` with offset and temperature."""
    folder.mkdir(parents=True, exist_ok=True)
    with quiet():
        module.body.save_pretrained(str(folder))
    reading.renderer.tokenizer.save_pretrained(str(folder))
    save_file({"head": module.head.weight.detach().float().cpu().contiguous()}, str(folder / HEAD))
    (folder / ABOUT).write_text(json.dumps(about, indent=1) + "\n", "utf-8")


def load(folder: Path, *, dtype: str = "auto") -> LocalReward:
    """What `save` wrote; nothing of it is run as code. ModelError when it is no reward model."""
    try:
        about = json.loads((folder / ABOUT).read_text("utf-8"))
        offset, temperature = ([float(v) for v in about[name]] for name in ("offset", "temperature"))
        head = load_file(str(folder / HEAD))["head"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{str(folder)!r} holds no reward model ({error}); make one with: spiritlevel reward train") from error
    where = _device.device()
    body, tokenizer = _plain(folder, _device.choose(dtype, where, _device.sizes(folder)[0]))
    if head.shape != (len(offset), width(body)) or len(temperature) != len(offset) or not all(t > 0 for t in temperature):
        raise ModelError(f"the head in {str(folder)!r} does not fit its body or its reward.json; train it again")
    module = Rewarder(body.to(where), len(offset))
    with torch.no_grad():
        module.head.weight.copy_(head)
    longest = int(getattr(body.config.get_text_config(), "max_position_embeddings", None) or 1 << 30)
    return LocalReward(module.eval(), Reading(tokenizer, str(folder), longest), offset, temperature)


def _plain(folder: Path, dtype: torch.dtype) -> tuple[Any, Any]:
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            body = AutoModel.from_pretrained(folder, dtype=dtype, local_files_only=True, trust_remote_code=False, use_safetensors=True)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        first = next(itertools.chain(str(error).strip().splitlines(), [type(error).__name__]))
        raise ModelError(f"{str(folder)!r} cannot be loaded as the body of a reward model: {first}") from error
    return body.eval(), tokenizer
