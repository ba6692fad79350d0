from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers as t

from spiritlevel.types import Chat

FAMILIES = ("llama", "qwen2", "gemma2", "gemma3", "mistral", "phi")
EOS = 2


def tiny(family: str = "llama", seed: int = 0) -> Any:
    """A randomly initialised model of two thin layers over 64 tokens, frozen and in evaluation mode as a backend hands it out."""
    shape: dict[str, Any] = {
        "vocab_size": 64,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 128,
        "initializer_range": 0.2,
        "bos_token_id": 1,
        "eos_token_id": EOS,
        "pad_token_id": EOS,
    }
    gemma = {**shape, "head_dim": 8, "query_pre_attn_scalar": 8}
    configs = {
        "llama": lambda: t.LlamaConfig(**shape, tie_word_embeddings=True),
        "qwen2": lambda: t.Qwen2Config(**shape),
        "qwen3": lambda: t.Qwen3Config(**shape, head_dim=8),
        "gemma2": lambda: t.Gemma2Config(**gemma, final_logit_softcapping=2.0),
        "gemma3": lambda: t.Gemma3TextConfig(**gemma),
        "mistral": lambda: t.MistralConfig(**shape),
        "phi": lambda: t.PhiConfig(**shape),
    }
    torch.manual_seed(seed)
    return t.AutoModelForCausalLM.from_config(configs[family]()).eval().requires_grad_(False)


def render(chat: Chat, truncated: bool) -> tuple[list[int], int]:
    """Numbers in the text are the tokens; each turn but a truncated last one ends with EOS."""
    ids: list[int] = [1]
    start = 0
    for turn in chat:
        start = len(ids)
        ids += [*(int(word) for word in turn.content.split()), EOS]
    return (ids[:-1] if truncated else ids), start


@pytest.fixture(name="tiny")
def tiny_fixture() -> Callable[..., Any]:
    return tiny


@pytest.fixture(name="render")
def render_fixture() -> Callable[[Chat, bool], tuple[list[int], int]]:
    return render


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
