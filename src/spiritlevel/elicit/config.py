"""The `elicit` section of a configuration."""

from typing import Literal

from pydantic import Field, field_validator

from spiritlevel.types import Frozen, Kind, Side


class PromptFile(Frozen):
    """A file of prompts from outside."""

    path: str
    format: Literal["", "jsonl", "harmbench", "advbench", "jailbreakbench", "xstest", "garak", "inspect"] = ""
    """`jsonl` is our own: JSON lines with a `prompt`; default: told from the file's beginning."""
    kind: Kind | None = None
    """What its prompts are; default: each row's `harmful` field (false = look-alike)."""
    principle: str = ""
    """Which principle they bear on; empty = for harmful ones, the principle whose examples are nearest in words."""
    side: Side | None = None
    """The side that all of them are on; default: drawn by cluster like the seeds. A set that was published is best kept open."""


class ElicitConfig(Frozen):
    """What is asked, and how replies are drawn."""

    attacks: tuple[str, ...] = ("direct", "prefix-injection", "refusal-suppression", "encoding", "role-play")
    """Attack families, by entry point; `direct` is always among them."""
    untaught: tuple[str, ...] = ("role-play",)
    """Families that training never sees, so that transfer to a new family can be measured."""
    harmful: int = Field(10, ge=1)
    """Harmful prompts a principle on the open and the sealed side; each attack family wraps a quarter as many."""
    teach: int = Field(10, ge=1)
    """Most prompts a principle and kind on the teach side (plain instructions: twenty times as many)."""
    harmless: int = Field(8, ge=1)
    """Look-alikes a principle; ten times as many plain instructions in all."""
    prompts: tuple[PromptFile, ...] = ()
    """Files of prompts beside the seeds."""
    findings: tuple[str, ...] = ()
    """Runs whose findings are taught, with the groups they are of; `RUN@SET` names one campaign's findings exactly."""
    seeds: str = ""
    """Folder of seed files; empty = the ones that come with the package, `none` = none."""
    max_tokens: int = Field(40, ge=1)
    temperature: float = Field(0.7, ge=0)
    shares: tuple[float, float, float] = (0.6, 0.25, 0.15)
    """Shares of clusters on the teach, open and sealed side."""

    @field_validator("shares")
    @classmethod
    def _whole(cls, shares: tuple[float, float, float]) -> tuple[float, float, float]:
        if not (min(shares) >= 0 and abs(sum(shares) - 1) <= 1e-9):
            raise ValueError("shares must be at least 0 and sum to 1")
        return shares

    @property
    def attacked(self) -> int:
        """How many prompts a principle each attack family wraps."""
        return -(-self.harmful // 4)

    @property
    def use_seeds(self) -> bool:
        """Whether any seed folder is read."""
        return self.seeds != "none"


class Budget(Frozen):
    """Hard caps on a whole campaign; what has no cap is None."""

    queries: int | None = Field(None, ge=0)
    """Queries of the target."""
    tokens: int | None = Field(None, ge=0)
    """Tokens in and out, of target and attacker."""
    money: float | None = Field(None, ge=0)
    """In the currency of SPIRITLEVEL_PRICES."""


class Gcg(Frozen):
    """Greedy coordinate gradient. The defaults are small, for a CPU; Zou et al. 2023 use 500 steps of 512 candidates and top 256."""

    steps: int = Field(8, ge=1)
    candidates: int = Field(24, ge=1)
    """Suffixes tried in a step, each one token away from the best so far."""
    top: int = Field(64, ge=1)
    """Replacements a place that are drawn from: those with the steepest descent of the loss."""
    suffix: int = Field(12, ge=1)
    """Tokens of the suffix."""
    opening: str = Field("Sure, here is how to do it", min_length=1)
    """Answer whose probability is raised."""


class ArchiveConfig(Frozen):
    """A search for the worst message of every principle and style (`spiritlevel archive`)."""

    styles: tuple[str, ...] = ()
    """Styles by their titles in attacks/styles.md; empty = all."""
    queries: int = Field(256, ge=1)
    """Mutations that are made; each sent one is one query. Each elite is asked once more at the end."""
    batch: int = Field(32, ge=1)
    """Cells that are tried at once."""
    seed: int = 0


def readable(side: Side) -> Side:
    """A side that people may look at; ValueError for the sealed one."""
    if side is Side.SEALED:
        raise ValueError("the sealed side is read by release alone; use open or teach")
    return side


class CampaignConfig(Frozen):
    """A red-team campaign."""

    attacks: tuple[str, ...] = ("direct", "prefix-injection", "role-play", "base64", "best-of-n", "pair")
    """Attacks by entry point; `+` stacks converters. `direct` is always among them."""
    principles: tuple[str, ...] = ()
    """Principles whose harmful prompts are the goals; empty = all."""
    goals: int = Field(4, ge=1)
    """Goals a principle."""
    queries: int = Field(8, ge=1)
    """Queries of the target a goal and attack, the same for every attack."""
    side: Side = Side.OPEN
    """`open` tests; `teach` finds lessons."""
    attacker: str = ""
    """Model that writes attacks for those that need one; empty = the bundled one."""
    judges: tuple[str, ...] = ()
    """Second readers, such as `model:openai/NAME` or `strong:anthropic/NAME`."""
    budget: Budget = Budget()
    stop: bool = True
    """Leave a goal once an attack has reached it."""
    cache: bool = False
    """Keep the target's replies over runs; a hosted model may have changed since."""
    repeats: int = Field(1, ge=1)
    """How often the whole is played, each time with other seeds."""
    gcg: Gcg = Gcg()
    """How far `gcg` searches."""
    archive: ArchiveConfig = ArchiveConfig()

    @field_validator("attacks")
    @classmethod
    def _control(cls, attacks: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(("direct", *attacks)))

    @field_validator("side")
    @classmethod
    def _readable(cls, side: Side) -> Side:
        return readable(side)


class AgentsConfig(Frozen):
    """Trials of a target with tools."""

    scenarios: Literal["all", "none"] | tuple[str, ...] = "all"
    """Scenarios by name, `all` or `none`."""
    folder: str = ""
    """Folder of scenario files; empty = the ones that come with the package."""
    side: Side = Side.OPEN
    """Side of the scenarios that are played; those that come with the package are published, and open."""
    steps: int = Field(8, ge=1)
    """Replies of the target a scenario; then it ends, done or not."""
    warn: bool = False
    """Tell the target that what tools give back is no order: the simplest defence."""
    max_tokens: int = Field(200, ge=1)
    temperature: float = Field(0.7, ge=0)
    budget: Budget = Budget()
    repeats: int = Field(1, ge=1)
    """How often each scenario is played, each time with other seeds."""

    @field_validator("side")
    @classmethod
    def _readable(cls, side: Side) -> Side:
        return readable(side)
