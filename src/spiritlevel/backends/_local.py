"""Local weights in memory: generation, scores of answers, activations."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("GOMP_SPINCOUNT", "0")  # read when torch loads OpenMP
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

import numpy as np
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from spiritlevel import _activations
from spiritlevel.backends import _decode, _device
from spiritlevel.backends._quiet import quiet
from spiritlevel.backends._render import NEXT_TURN, Renderer
from spiritlevel.backends.text import clean, first_sentence
from spiritlevel.errors import ConfigError, DataError, ModelError
from spiritlevel.types import Ask, Chat, Logprobs, ModelRef, Reply

BATCH = 64
ROOM = 1.25
"""Memory for activations and cache, as a multiple of the weights."""
BODY_THEN_HEAD = {"llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "phi", "phi3"}


class LocalModel:
    """A causal language model and its tokenizer. `module` and `tokenizer` are transformers' own; `refresh` after training it."""

    batch: int | None = BATCH

    def __init__(self, ref: ModelRef, module: Any, tokenizer: Any, name: str = "") -> None:
        self.ref, self.module, self.tokenizer = ref, module, tokenizer
        stops = module.generation_config.eos_token_id
        self.renderer = Renderer(tokenizer, name or ref.spec, [stops] if isinstance(stops, int) else stops or [])
        weight = module.get_input_embeddings().weight
        self.device, self.dtype = weight.device, weight.dtype
        config = module.config.get_text_config()
        self.layers, self.width = config.num_hidden_layers, config.hidden_size
        self.context = int(getattr(config, "max_position_embeddings", None) or 1 << 30)
        self._decoder: _decode.Decoder | None = None
        self.numerics = _device.numerics(self.device, self.dtype, "loop" if _decode.knows(module) else "generate")

    def refresh(self) -> None:
        """Forget the decode loop's copy of the weights; call it after changing `module`."""
        self._decoder = None

    def render(self, chat: Chat) -> list[int]:
        """Tokens up to where the model goes on (after a final assistant turn's text)."""
        return self.renderer.prompt(chat)

    def render_labelled(self, chat: Chat, truncated: bool = False) -> tuple[list[int], int]:
        """Tokens, and the index where the final assistant turn's tokens (end of turn included unless truncated) start."""
        return self.renderer.labelled(chat, truncated)

    def stream(self, asks: Sequence[Ask], seeds: Sequence[int], edits: _decode.Edits | None = None) -> Iterator[tuple[int, Reply]]:
        """Yield (index, reply) in slices of `BATCH`, longest prompts last. A prompt past the context is a Reply with `error`."""
        prompts: dict[int, list[int]] = {}
        for place, ask in enumerate(asks):
            try:
                ids = self.render(ask.chat)
            except DataError as error:
                yield place, Reply(error=str(error))
                continue
            if len(ids) + ask.sampling.max_tokens > self.context:
                yield (
                    place,
                    Reply(
                        error=f"The prompt of {len(ids)} tokens leaves no room in the context of {self.context}.",
                        tokens_in=len(ids),
                    ),
                )
            else:
                prompts[place] = ids
        order = sorted(prompts, key=lambda place: (len(prompts[place]), place))
        for first in range(0, len(order), BATCH):
            places = order[first : first + BATCH]
            rows = [self._row(asks[place], prompts[place], seeds[place]) for place in places]
            for place, (ids, cut) in zip(places, self._generate(rows, edits), strict=True):
                text = self.renderer.text(ids)
                if not self.renderer.templated and NEXT_TURN in text:
                    text, cut = text.partition(NEXT_TURN)[0], False
                if asks[place].sampling.stop_at_sentence:
                    sentence = first_sentence(text)
                    text, cut = (text, cut) if sentence is None else (sentence, False)
                yield place, Reply(text=text, truncated=cut, tokens_in=len(prompts[place]), tokens_out=len(ids) + (not cut))

    def sample(self, prompts: Sequence[list[int]], limit: int, seeds: Sequence[int]) -> list[tuple[list[int], bool]]:
        """Tokens drawn after each prompt at temperature 1, the one that stopped it included, and whether it was cut at `limit`.

        In slices of `BATCH`, shortest prompts first. DataError for a prompt that leaves no room in the context.
        """
        stops, templated = self.renderer.stops, self.renderer.templated

        def ended(new: list[int]) -> bool:
            return new[-1] in stops or (not templated and NEXT_TURN in self.renderer.text(new))

        if (longest := max(map(len, prompts))) + limit > self.context:
            raise DataError(f"A prompt of {longest} tokens leaves no room in the context of {self.context}; leave it out.")
        rows = [_decode.Row(list(ids), limit, 1.0, seed, ended) for ids, seed in zip(prompts, seeds, strict=True)]
        order = sorted(range(len(rows)), key=lambda place: (len(prompts[place]), place))
        found: dict[int, tuple[list[int], bool]] = {}
        for first in range(0, len(order), BATCH):
            places = order[first : first + BATCH]
            found |= zip(places, self._generate([rows[place] for place in places], stops=frozenset()), strict=True)
        return [found[place] for place in range(len(rows))]

    def cut(self, text: str, tokens: int) -> str:
        """The first `tokens` tokens of a text; all of it when it is no longer."""
        ids = self.tokenizer.encode(clean(text), add_special_tokens=False)
        return text if len(ids) <= tokens else self.tokenizer.decode(ids[:tokens])

    def logprobs(self, chats: Sequence[Chat], truncated: Sequence[bool] | None = None) -> list[Logprobs]:
        """Scores in nats of each chat's last assistant turn; float32 head and softmax. DataError past the context."""
        cut = truncated or [False] * len(chats)
        labelled = [self.render_labelled(chat, stop) for chat, stop in zip(chats, cut, strict=True)]
        out: list[Logprobs | None] = [None] * len(chats)
        for ids, _ in labelled:
            if len(ids) > self.context:
                raise DataError(f"A chat of {len(ids)} tokens is longer than the context of {self.context}; leave it out.")
        for places in _activations.passes([len(ids) for ids, _ in labelled]):
            with torch.inference_mode():
                batch, mask = _activations.padded([labelled[place][0] for place in places], self.device)
                rows: list[int] = []
                columns: list[int] = []
                targets: list[int] = []
                for row, place in enumerate(places):
                    ids, start = labelled[place]
                    rows += [row] * (len(ids) - start)
                    columns += range(start - 1, len(ids) - 1)
                    targets += ids[start:]
                scores = self._scores(batch, mask, rows, columns)
                picked = torch.log_softmax(scores, -1).gather(1, torch.tensor(targets, device=self.device)[:, None])[:, 0].tolist()
            done = 0
            for place in places:
                ids, start = labelled[place]
                out[place] = Logprobs(tokens=tuple(ids[start:]), values=tuple(picked[done : done + len(ids) - start]))
                done += len(ids) - start
        return [one for one in out if one is not None]

    def activations(self, chats: Sequence[Chat], layers: Sequence[int]) -> np.ndarray:
        """Residual stream after blocks `layers` (1-based) at each chat's last token: (n, len(layers), width) float32.

        A chat past the context keeps its last tokens.
        """
        if not layers or min(layers) < 1 or max(layers) > self.layers:
            raise ConfigError(f"Layers {list(layers)!r} are not all between 1 and {self.layers}; choose among those.")
        ids = [self.render(chat)[-self.context :] for chat in chats]
        found = np.zeros((len(chats), len(layers), self.width), np.float32)
        path = _activations.blocks(self.module)[0]
        names = [f"{path}.{layer - 1}" for layer in layers]
        in_loop = self._in_loop(max(map(len, ids), default=0))
        for places in _activations.passes([len(one) for one in ids]):
            if in_loop:
                found[places] = self._loop().read([ids[place] for place in places], layers).numpy()
                continue
            last = [[len(ids[place]) - 1] for place in places]
            seen = _activations.gather(self.module, [ids[place] for place in places], last, sorted(set(names)), self.device)
            for column, name in enumerate(names):
                found[places, column] = seen[name].float().numpy()
        return found

    def blocks(self) -> Any:
        """The decoder blocks, in order."""
        return _activations.blocks(self.module)[1]

    def _row(self, ask: Ask, ids: list[int], seed: int) -> _decode.Row:
        how, templated = ask.sampling, self.renderer.templated

        def ended(new: list[int]) -> bool:
            text = self.renderer.text(new)
            return (not templated and NEXT_TURN in text) or (how.stop_at_sentence and first_sentence(text) is not None)

        return _decode.Row(ids, how.max_tokens, how.temperature, seed, ended if how.stop_at_sentence or not templated else None)

    def _generate(
        self, rows: list[_decode.Row], edits: _decode.Edits | None = None, stops: frozenset[int] | None = None
    ) -> list[tuple[list[int], bool]]:
        stops = self.renderer.stops if stops is None else stops
        if not self._in_loop(max(len(row.prompt) for row in rows) + max(row.limit for row in rows)):
            from spiritlevel.backends import _generate

            found: list[tuple[list[int], bool]] = _generate.generate(self.module, rows, stops, edits, self.blocks() if edits else None)
            return found
        return self._loop().generate(rows, stops, edits)

    def _in_loop(self, longest: int) -> bool:
        """Whether our own loop computes this module exactly on sequences of this length."""
        limit = _decode.window(self.module)
        return _decode.knows(self.module) and (limit is None or longest <= limit)

    def _loop(self) -> _decode.Decoder:
        if self._decoder is None:
            self._decoder = _decode.Decoder(self.module)
        return self._decoder

    def _scores(self, ids: torch.Tensor, mask: torch.Tensor, rows: list[int], columns: list[int]) -> torch.Tensor:
        """Float32 logits at the given places (k, vocabulary)."""
        if self.module.config.model_type not in BODY_THEN_HEAD:
            return self.module(input_ids=ids, attention_mask=mask, use_cache=False).logits[rows, columns].float()
        hidden = self.module.base_model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state[rows, columns]
        head = self.module.get_output_embeddings()
        bias = None if head.bias is None else head.bias.float()
        logits = torch.nn.functional.linear(hidden.float(), head.weight.float(), bias)
        cap = getattr(self.module.config, "final_logit_softcapping", None)
        return logits if cap is None else torch.tanh(logits / cap) * cap


def load(ref: ModelRef, folder: Path, dtype: str = "auto", adapter: Path | None = None) -> LocalModel:
    """The model of a save_pretrained folder, with an adapter merged into it if given. TooSmall is raised before loading."""
    where = _device.device()
    count, _ = _device.sizes(folder)
    if not count:
        raise ModelError(f"{str(folder)!r} has no *.safetensors weights; save the model with save_pretrained.")
    chosen = _device.choose(dtype, where, count)
    size = count * chosen.itemsize
    _device.check_memory(ref.spec, int(size * (ROOM + (size <= _decode.FUSE_BYTES))), where)
    module, tokenizer = read(folder, chosen, adapter)
    return LocalModel(ref, module.to(where), tokenizer)


def read(folder: Path, dtype: torch.dtype | str, adapter: Path | None = None) -> tuple[Any, Any]:
    """(module in evaluation mode, tokenizer) of a folder on the CPU; nothing of it is run as code, nothing is fetched."""
    try:
        with quiet():
            own = adapter is not None and (adapter / "tokenizer_config.json").is_file()
            tokenizer = AutoTokenizer.from_pretrained(adapter if own else folder, local_files_only=True, trust_remote_code=False)
            module = AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=dtype if adapter is None else "auto",
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
            )
            if adapter is not None:
                from peft import PeftModel

                # merged in the base's own format, as people merge by hand, so that the fingerprints agree
                module = PeftModel.from_pretrained(module, str(adapter), local_files_only=True).merge_and_unload()
                module = module if dtype == "auto" else module.to(dtype)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(f"{str(adapter or folder)!r} cannot be loaded as a causal language model: {first}") from error
    return module.eval(), tokenizer


def fingerprint(folder: Path, adapter: Path | None = None) -> str:
    """lineage.fingerprint of a folder's weights by value, adapter merged."""
    from spiritlevel import lineage

    return lineage.of_folder(folder)[0] if adapter is None else lineage.fingerprint(read(folder, "auto", adapter)[0].state_dict())


def family(folder: Path) -> str:
    """Body family such as `llama-576x30`."""
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False).get_text_config()
    return f"{config.model_type}-{config.hidden_size}x{config.num_hidden_layers}"
