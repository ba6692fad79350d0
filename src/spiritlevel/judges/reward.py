"""Rewards by spec, and what several heads say together.

`path:DIR` a trained reward model, `blob:HASH` one of this run, `path:A,path:B` several as one ensemble, `rule:NAME` or
`rule:NAME=ARGUMENT` a rule with ground truth (entry points `spiritlevel.rewards`).
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spiritlevel import backends, lineage, plugins
from spiritlevel.errors import ConfigError, DataError, ModelError
from spiritlevel.judges.scores import Answer
from spiritlevel.types import Chat, Frozen, Instrument, Journal, ModelRef, RewardModel, content_hash

Floats = NDArray[np.float64]
Aggregation = Literal["mean", "worst", "uncertainty"]
WEIGHT = 0.5
"""How many variances `uncertainty` takes off."""


class About(Frozen):
    """reward.json: what a saved reward model says of itself."""

    instrument: Instrument
    offset: tuple[float, ...]
    temperature: tuple[float, ...]
    base: str
    """The body that it was trained from."""


class Fitted:
    """A reward model with its identity; the weights are loaded when it is first asked."""

    def __init__(self, folder: Path, about: About) -> None:
        self.folder, self.about, self.heads = folder, about, len(about.offset)
        self._loaded: Any = None

    @property
    def identity(self) -> Instrument:
        """As it was made."""
        return self.about.instrument

    def score(self, chats: Sequence[Chat], truncated: Sequence[bool] | None = None) -> NDArray[np.float32]:
        """As types.RewardModel."""
        if self._loaded is None:
            from spiritlevel.judges import _reward

            self._loaded = _reward.load(self.folder)
        found: NDArray[np.float32] = self._loaded.score(chats, truncated)
        return found


class Together:
    """Several reward models as the heads of one."""

    def __init__(self, members: Sequence[RewardModel]) -> None:
        self.members, self.heads = tuple(members), sum(m.heads for m in members)

    @property
    def identity(self) -> Instrument:
        """Made of all that its members are made of."""
        each = [m.identity for m in self.members]
        return Instrument(
            id=content_hash("ensemble", *(i.id for i in each)),
            name=f"ensemble of {len(each)}",
            family=each[0].family if len({i.family for i in each}) == 1 else "",
            made_of=tuple(sorted({atom for i in each for atom in (*i.made_of, f"judge:{i.id}")})),
            known_ancestry=all(i.known_ancestry for i in each) and len({i.family for i in each}) == 1,
        )

    def score(self, chats: Sequence[Chat], truncated: Sequence[bool] | None = None) -> NDArray[np.float32]:
        """As types.RewardModel."""
        return np.concatenate([m.score(chats, truncated) for m in self.members], axis=1)


class Ruled:
    """A reward that is a function of the answer's text."""

    heads = 1

    def __init__(self, name: str, rule: Callable[[str, bool], float], code: str) -> None:
        self.rule = rule
        self._identity = Instrument(id=content_hash("rule", name, code), name=f"rule:{name}", family="")

    @property
    def identity(self) -> Instrument:
        """Hash of the rule and its argument."""
        return self._identity

    def score(self, chats: Sequence[Chat], truncated: Sequence[bool] | None = None) -> NDArray[np.float32]:
        """As types.RewardModel."""
        cut = truncated or [False] * len(chats)
        return np.asarray([[self.rule(chat[-1].content, stop)] for chat, stop in zip(chats, cut, strict=True)], dtype=np.float32)


def open_reward(spec: str, journal: Journal) -> RewardModel:
    """The reward behind a spec. ConfigError for an unknown one, ModelError when a folder holds none."""
    parts = [part.strip() for part in spec.split(",") if part.strip()]
    if not parts:
        raise ConfigError("a reward has an empty name; use path:DIR, blob:HASH or rule:NAME")
    if len(parts) > 1:
        return Together([open_reward(part, journal) for part in parts])
    scheme, _, rest = parts[0].partition(":")
    if scheme == "rule" and rest:
        name, _, argument = rest.partition("=")
        made = plugins.load("spiritlevel.rewards", name)
        return Ruled(rest, made(argument), Path(made.__code__.co_filename).read_text("utf-8"))
    if scheme in ("path", "blob") and rest:
        return opened(Path(rest).expanduser() if scheme == "path" else journal.path(rest))
    rules = ", ".join(plugins.names("spiritlevel.rewards"))
    raise ConfigError(f"reward {parts[0]!r} is unknown; use path:DIR, blob:HASH or rule:NAME ({rules})")


def opened(folder: Path) -> Fitted:
    """A saved reward model. A folder without lineage.json has unknown ancestry."""
    try:
        about = About.model_validate_json((folder / "reward.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise ModelError(f"{str(folder)!r} holds no reward model ({first}); make one with: spiritlevel reward train") from None
    if lineage.read(folder) is None:
        about = about.model_copy(update={"instrument": about.instrument.model_copy(update={"known_ancestry": False})})
    return Fitted(folder, about)


def aggregate(scores: ArrayLike, how: Aggregation = "mean", weight: float = WEIGHT) -> Floats:
    """(..., heads) to (...): mean, worst = least head, uncertainty = mean - weight * variance over heads (Coste 2024, eq. 3 and 4)."""
    each = np.asarray(scores, dtype=float)
    if how == "worst":
        return np.asarray(each.min(axis=-1))
    mean = np.asarray(each.mean(axis=-1))
    return mean - weight * np.asarray(each.var(axis=-1)) if how == "uncertainty" else mean


def features(journal: Journal, body: ModelRef, answers: Sequence[Answer]) -> str:
    """Blob with `features.npy`: (n, width) float32, the untrained body's hidden state at each answer's true end. DataError: too long."""
    from spiritlevel.judges import _reward

    def read(folder: Path) -> None:
        module, reading = _reward.begin(*backends.parts(body, journal), body.spec, 1)
        rows = [reading.row(one.chat, one.truncated) for one in answers]
        kept = [row for row in rows if row is not None]
        if len(kept) < len(rows):
            raise DataError(f"{len(rows) - len(kept)} of {len(rows)} answers are longer than the context or empty; leave them out")
        np.save(folder / "features.npy", _reward.features(module.eval(), kept))

    return journal.blob(read)
