"""Chats to tokens by a tokenizer's own chat template, and back."""

import re
from collections.abc import Sequence
from typing import Any

from spiritlevel.backends.text import clean
from spiritlevel.errors import DataError, ModelError
from spiritlevel.types import Chat, Turn

MARK = "\ue000MARK\ue001"
NEXT_TURN = "\nUser:"
"""What a model without a template writes when its own turn is over."""
OPEN_THINK = re.compile(r"<think>\s*\Z")


class Renderer:
    """One tokenizer's way to write chats. Probed once: system role, end of turn, thinking blocks, stability of the prefix."""

    def __init__(self, tokenizer: Any, name: str, stops: Sequence[int] = ()) -> None:
        self.tokenizer, self.name = tokenizer, name
        self.special = [str(token) for token in dict.fromkeys(tokenizer.all_special_tokens)]
        self.templated = bool(tokenizer.chat_template)
        self.system_role = self._speaks_system()
        probe = (Turn(role="user", content="a"),)
        before, whole = self._text(probe, answer=False), self._template([*self._messages(probe), _said(MARK)], False)
        bare = OPEN_THINK.sub("", before.removesuffix("<think>\n\n</think>\n\n"))
        if self.templated and not whole.startswith(bare.rstrip()):
            raise ModelError(f"The chat template of {name!r} rewrites earlier turns when an answer is added; use another model.")
        tail = self._encode(whole.partition(MARK)[2].lstrip()) if self.templated else []
        own = [tokenizer.eos_token_id] if tokenizer.eos_token_id is not None else []
        special = set(tokenizer.all_special_ids) | set(getattr(tokenizer, "added_tokens_decoder", {}))
        ends = [token for token in tail[:1] if token in special]
        self.stops = frozenset([*stops, *own, *ends])
        self.end = (ends or own or [*self.stops] or [None])[0]
        """The token that ends an assistant turn; None for a tokenizer without any."""

    def prompt(self, chat: Chat) -> list[int]:
        """Tokens up to where the model goes on: after the answer's opening, or after a final assistant turn (a prefill)."""
        return self._split(chat)[0]

    def labelled(self, chat: Chat, truncated: bool) -> tuple[list[int], int]:
        """Tokens of the chat and the index where its final assistant turn starts; its end of turn is there unless truncated."""
        if not chat or chat[-1].role != "assistant":
            raise DataError(
                f"A chat to score must end with an assistant turn; this one ends with {chat[-1].role if chat else 'nothing'!r}."
            )
        ids, start = self._split(chat)
        if not truncated and self.end is not None:
            ids = [*ids, self.end]
        if start == len(ids):
            raise DataError("A chat to score has an empty answer without an end of turn; leave it out.")
        return ids, start

    def text(self, ids: Sequence[int]) -> str:
        """Tokens to text, without special tokens."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def _split(self, chat: Chat) -> tuple[list[int], int]:
        if not chat:
            raise DataError("A chat without turns cannot be asked; give it at least one user turn.")
        chat = tuple(Turn(role=turn.role, content=clean(turn.content)) for turn in chat)
        final = chat[-1].content if chat[-1].role == "assistant" else None
        asked = chat if final is None else chat[:-1]
        ids = self._prefix(asked)
        if not final:
            return ids, len(ids)
        if self._forged(final):
            return [*ids, *self._literal(final)], len(ids)
        both = self._encode(self._text(asked, answer=True) + final) if not any(self._forged(t.content) for t in asked) else []
        # tokens may merge over the seam; what the model saw as its prompt must stay as it was
        return (both, len(ids)) if both[: len(ids)] == ids else ([*ids, *self._encode(final)], len(ids))

    def _prefix(self, chat: Chat) -> list[int]:
        if not any(self._forged(turn.content) for turn in chat):
            return self._encode(self._text(chat, answer=True))
        # a text that spells a special token stays text: rendered with marks, its pieces tokenised literally
        marked = tuple(Turn(role=t.role, content=f"{MARK}{i}{MARK}") for i, t in enumerate(chat))
        pieces = re.split(f"{MARK}(\\d+){MARK}", self._text(marked, answer=True))
        ids: list[int] = []
        for place, piece in enumerate(pieces):
            ids += self._literal(chat[int(piece)].content) if place % 2 else self._encode(piece)
        return ids

    def _forged(self, text: str) -> bool:
        return any(token in text for token in self.special) or MARK in text

    def _encode(self, text: str) -> list[int]:
        # never add special tokens: the template has written them (a second BOS goes unnoticed)
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _literal(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"])

    def _text(self, chat: Chat, *, answer: bool = True) -> str:
        text = self._template(self._messages(chat), True)
        if OPEN_THINK.search(text):  # a template that always opens its thinking: close it, unthought
            text = OPEN_THINK.sub("<think>\n\n</think>\n\n", text)
        return text

    def _messages(self, chat: Chat) -> list[dict[str, str]]:
        turns = list(chat)
        if not self.system_role:
            told = "\n\n".join(turn.content for turn in turns if turn.role == "system")
            turns = [turn for turn in turns if turn.role != "system"]
            if told and turns and turns[0].role == "user":
                turns[0] = Turn(role="user", content=f"{told}\n\n{turns[0].content}")
            elif told:
                turns.insert(0, Turn(role="user", content=told))
        return [{"role": turn.role, "content": turn.content} for turn in turns]

    def _template(self, messages: list[dict[str, str]], answer: bool) -> str:
        if not self.templated:
            bos = self.tokenizer.bos_token or ""
            names = {"system": "System", "user": "User", "assistant": "Assistant"}
            lines = "".join(f"{names[m['role']]}: {m['content']}\n" for m in messages)
            return bos + lines + ("Assistant:" if answer else "")
        from jinja2 import TemplateError

        try:
            return str(self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=answer, enable_thinking=False))
        except TemplateError as error:
            merged = _merged(messages)
            if merged != messages:  # a template that insists on turns that alternate
                return self._template(merged, answer)
            raise DataError(
                f"The chat template of {self.name!r} refuses this chat ({error}); start with a user turn and alternate."
            ) from error

    def _speaks_system(self) -> bool:
        if not self.templated:
            return True
        try:
            said = self._template([{"role": "system", "content": MARK}, {"role": "user", "content": "a"}], True)
        except (DataError, TypeError, ValueError):
            return False
        return MARK in said


def _said(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def _merged(messages: list[dict[str, str]]) -> list[dict[str, str]]:
    merged: list[dict[str, str]] = []
    for message in messages:
        if merged and merged[-1]["role"] == message["role"]:
            merged[-1] = {**message, "content": f"{merged[-1]['content']}\n\n{message['content']}"}
        else:
            merged.append(message)
    return merged
