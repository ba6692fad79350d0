"""Randomly initialised tiny models of several families, each with the habits of its family's template."""

from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from spiritlevel.backends._quiet import quiet

WORDS = (
    "the of and to in is that you it for are with this be have not can will your what how from they I'm sorry can't help help "
    "Sure here write tell someone person people make about because could would should please harm safe answer question"
)
TURN = "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
OPENING = "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
PHI = "{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] }}<|end|>\n{% endfor %}" + OPENING.replace(
    "<|im_start|>assistant", "<|assistant|>"
)
THINK = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['role'] == 'assistant' and loop.last %}<think>\n\n</think>\n\n{% endif %}{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% if enable_thinking is defined and not enable_thinking %}"
    "<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    "{% for m in messages %}"
    "{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('turns must alternate') }}{% endif %}"
    "<start_of_turn>{{ 'model' if m['role'] == 'assistant' else 'user' }}\n{{ m['content'] | trim }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
MISTRAL = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}[INST] {{ m['content'] }} [/INST]"
    "{% elif m['role'] == 'assistant' %} {{ m['content'] }}{{ eos_token }}{% endif %}{% endfor %}"
)
CHATML = ["<|im_start|>", "<|im_end|>"]
FAMILIES: dict[str, tuple[str, str, list[str], str, dict[str, Any]]] = {
    # name: configuration, template, special tokens, which of them ends a turn (it need not be the end of text), odd settings
    "llama": ("LlamaConfig", TURN + OPENING, CHATML, "<|im_end|>", {"pad_token": "<|im_end|>"}),
    "qwen2": ("Qwen2Config", TURN + OPENING, CHATML, "<|im_end|>", {}),
    "qwen3": ("Qwen3Config", THINK, CHATML, "<|im_end|>", {}),
    "gemma2": ("Gemma2Config", GEMMA, ["<start_of_turn>", "<end_of_turn>"], "<eos>", {}),
    "gemma3": ("Gemma3TextConfig", GEMMA, ["<start_of_turn>", "<end_of_turn>"], "<eos>", {}),
    "mistral": ("MistralConfig", MISTRAL, ["[INST]", "[/INST]"], "<eos>", {}),
    "phi": ("PhiConfig", "", [], "<eos>", {}),
    "phi3": ("Phi3Config", PHI, ["<|user|>", "<|system|>", "<|assistant|>", "<|end|>"], "<eos>", {}),
}
VOCABULARY = 512


def build(folder: Path, arch: str, seed: int) -> Path:
    """Write a model of two blocks, width 64, and its byte-level tokenizer of 512 entries in save_pretrained layout."""
    config_class, template, special, eos, odd = FAMILIES[arch]
    tokenizer = _tokenizer(["<bos>", "<eos>", *special])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<bos>", eos_token=eos, additional_special_tokens=special, **odd)
    fast.chat_template = template or None
    config = getattr(transformers, config_class)(
        vocab_size=VOCABULARY,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        initializer_range=0.15,
        bos_token_id=fast.bos_token_id,
        eos_token_id=fast.eos_token_id,
        pad_token_id=fast.pad_token_id,
        **({"head_dim": 16} if arch not in {"phi", "phi3", "qwen2"} else {}),
        **({"query_pre_attn_scalar": 16} if arch.startswith("gemma") else {}),
        **({"tie_word_embeddings": True} if arch in {"llama", "qwen2"} else {}),
    )
    with quiet(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        for name, part in module.named_parameters():
            if name.endswith("bias"):  # biases start at zero, which would hide a loop that forgets them
                torch.nn.init.normal_(part, std=0.1)
        module.save_pretrained(folder)
        fast.save_pretrained(folder)
    return folder


def _tokenizer(special: list[str]) -> Tokenizer:
    """Bytes, and merges that spell some frequent words from the left: any text round-trips."""
    vocabulary = {token: place for place, token in enumerate(special)}
    for letter in sorted(pre_tokenizers.ByteLevel.alphabet()):
        vocabulary.setdefault(letter, len(vocabulary))
    merges: list[tuple[str, str]] = []
    for word in dict.fromkeys(WORDS.split()):
        letters = "\u0120" + word
        for place in range(1, len(letters)):
            left, right = letters[:place], letters[place]
            if left + right not in vocabulary and len(vocabulary) < VOCABULARY:
                vocabulary[left + right] = len(vocabulary)
                merges.append((left, right))
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(special)
    return tokenizer
