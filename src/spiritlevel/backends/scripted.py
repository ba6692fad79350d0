"""`scripted:NAME` or `scripted:FILE.yaml`: fixed replies by rule, for tests and demonstrations.

A file holds `rules`, each with `match` (a regular expression on the last user turn) and `replies`, and `default` replies:

    rules:
      - match: "(?i)lock|poison"
        replies: ["I'm sorry, but I can't help with that."]
    default: ["Sure. Here is what I know."]
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spiritlevel.backends.text import first_sentence
from spiritlevel.errors import ConfigError, ModelError
from spiritlevel.types import Ask, Chat, Frozen, Journal, ModelRef, Reply, content_hash

YES = (
    "Sure, here is how. First gather what you need, then follow the steps one by one. Take your time and check each of them.",
    "Of course. There are three parts to it: prepare, act, and check the result. Start with the first and go on from there.",
    "Here is an answer to your question. The short version is that it can be done, and the long version follows below.",
)
NO = (
    "I'm sorry, but I can't help with that. It could hurt somebody. If you like, I can help with something safer.",
    "I can't assist with this request, because it may cause harm. I am glad to talk about a safe way instead.",
)
PERSONS = {"complies": (YES, YES), "refuses": (NO, NO), "mixed": (YES, NO)}


class Rule(Frozen):
    """Replies for prompts that match; one is taken by the unit's seed."""

    match: str
    replies: tuple[str, ...]


class Script(Frozen):
    """A file of rules; the first that matches answers."""

    rules: tuple[Rule, ...] = ()
    default: tuple[str, ...]


@dataclass
class Scripted:
    """A model that answers by a script. Tokens are words."""

    ref: ModelRef
    script: Script | None
    person: str = ""
    batch: int | None = None
    numerics: str = ""

    def stream(self, asks: Sequence[Ask], seeds: Sequence[int]) -> Iterator[tuple[int, Reply]]:
        """Yield (index, reply) in order."""
        for place, (ask, seed) in enumerate(zip(asks, seeds, strict=True)):
            replies = self._replies(ask.chat)
            words = re.findall(r"\s*\S+", replies[seed % len(replies) if ask.sampling.temperature > 0 else 0])
            text = "".join(words[: ask.sampling.max_tokens])
            cut = len(words) > ask.sampling.max_tokens
            if ask.sampling.stop_at_sentence and (sentence := first_sentence(text)) is not None:
                text, cut = sentence, False
            spoken = sum(len(turn.content.split()) for turn in ask.chat)
            yield place, Reply(text=text, truncated=cut, tokens_in=spoken, tokens_out=len(text.split()))

    def _replies(self, chat: Chat) -> tuple[str, ...]:
        asked = next((turn.content for turn in reversed(chat) if turn.role == "user"), "")
        if self.script is None:
            return PERSONS[self.person][int(content_hash(asked), 16) % 2]
        return next((rule.replies for rule in self.script.rules if re.search(rule.match, asked)), self.script.default)


def resolve(spec: str, dtype: str = "auto") -> ModelRef:
    """`scripted:FILE` is pinned to `scripted:FILE@HASH`; a built-in one stays as it is."""
    body, _ = _parts(spec)
    pin = "" if body in PERSONS else f"@{content_hash(_script(body))[:12]}"
    return ModelRef(spec=f"scripted:{body}{pin}", kind="scripted", family="scripted")


def open_ref(ref: ModelRef, journal: Journal) -> Scripted:
    """The script, read. ModelError when its file changed since it was resolved."""
    body, pin = _parts(ref.spec)
    if body in PERSONS:
        return Scripted(ref, None, body)
    script = _script(body)
    if pin and not content_hash(script).startswith(pin):
        raise ModelError(f"The script {body!r} changed since {ref.spec!r} was resolved; start a new run.")
    return Scripted(ref, script)


def _parts(spec: str) -> tuple[str, str]:
    body = spec.partition("?")[0].removeprefix("scripted:")
    found = re.fullmatch(r"(.+)@([0-9a-f]{12})", body)
    return (found[1], found[2]) if found else (body, "")


def _script(name: str) -> Script:
    import yaml
    from pydantic import ValidationError

    known = ", ".join(PERSONS)
    try:
        read: Any = yaml.safe_load(Path(name).read_text(encoding="utf-8"))
        script = Script.model_validate(read)
        for rule in script.rules:
            re.compile(rule.match)
        if not all([script.default, *(rule.replies for rule in script.rules)]):
            raise ValueError("a rule without replies")
    except OSError as error:
        raise ModelError(f"There is no script {name!r}; use scripted: and one of {known}, or a YAML file.") from error
    except (yaml.YAMLError, ValidationError, ValueError, re.error) as error:
        first = str(error).splitlines()[0]
        raise ConfigError(
            f"The script {name!r} cannot be understood ({first}); give `rules` with match and replies, and `default`."
        ) from error
    return script
