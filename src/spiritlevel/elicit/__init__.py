"""PROVOKE: ask what the constitution is about, plainly and under attack; transcripts and the text judge's word on each."""

from collections import Counter
from collections.abc import Iterable

from spiritlevel import backends, firewall, judges
from spiritlevel.constitution import Constitution
from spiritlevel.elicit.archive import archive
from spiritlevel.elicit.campaign import campaign
from spiritlevel.elicit.config import AgentsConfig, ArchiveConfig, Budget, CampaignConfig, ElicitConfig, PromptFile
from spiritlevel.elicit.plays import stacked
from spiritlevel.elicit.prompts import FINDING, gather, version
from spiritlevel.elicit.taught import lessons, provoked
from spiritlevel.elicit.tools.agents import agents
from spiritlevel.errors import DataError, FirewallError
from spiritlevel.judges.text import TextJudge
from spiritlevel.types import (
    ASKING_HARM,
    Ask,
    Journal,
    Kind,
    ModelRef,
    Prompt,
    Reply,
    RowSet,
    Sampling,
    Seen,
    Side,
    Ticket,
    Transcript,
    content_hash,
    user,
)

__all__ = [
    "AgentsConfig",
    "ArchiveConfig",
    "Budget",
    "CampaignConfig",
    "ElicitConfig",
    "PromptFile",
    "agents",
    "archive",
    "campaign",
    "lessons",
    "provoked",
    "run",
    "stacked",
    "version",
]

LESSON_TOKENS = 24
"""Replies that training learns from are cut sooner: it reads their beginnings."""


def run(
    journal: Journal,
    model: ModelRef,
    law: Constitution,
    config: ElicitConfig,
    side: Side,
    *,
    ticket: Ticket | None = None,
    trained_on: tuple[str, ...] = (),
    sample: bool = False,
    files: str = "",
    found: tuple[Prompt, ...] = (),
) -> Seen:
    """Ask `model` the prompts of one side. `trained_on`: texts that training is known to hold (left out of open and sealed).

    `files`: `version(config)`. `found`: `taught.lessons`; whatever is near them is taught, on the open and sealed side too.

    The teach side is asked whole, under taught families alone, to train on; as a `sample` its harmful prompts are asked like the
    others, under all families, to compare with them. FirewallError when the sealed side is asked for without a ticket; DataError
    when no prompt is left.
    """
    if side is Side.SEALED and (ticket is None or ticket.attempt < 1):
        raise FirewallError("the sealed prompts are read by release alone and no attempt is left; measure on the open side instead")
    everything = gather(law, config, trained_on, found)
    lessons = side is Side.TEACH and not sample
    chosen = list(select([p for p in everything if p.side is side], config, lessons=lessons, sample=sample))
    if not chosen:
        raise DataError(
            f"no prompts are left on the {side.value!r} side after hold-out; add seeds or prompt files, or change elicit.shares"
        )
    opened = backends.open_model(model, journal)
    sampling = Sampling(max_tokens=min(config.max_tokens, LESSON_TOKENS) if lessons else config.max_tokens, temperature=config.temperature)
    asks = [Ask(chat=user(p.text), sampling=sampling) for p in chosen]
    replies = journal.rows(backends.ask(journal, opened, asks, label=f"asking {model.spec.partition('@')[0][:24]} ({side.value})"), Reply)
    transcripts = [
        Transcript(prompt=p, chat=ask.chat, reply=reply, model=model.key) for p, ask, reply in zip(chosen, asks, replies, strict=True)
    ]
    stored = journal.put("transcript", transcripts)
    outcomes: RowSet = judges.score(journal, TextJudge(), transcripts)
    sizes = Counter(p.cluster for p in everything)
    return Seen(
        model=model,
        side=side,
        transcripts=stored,
        outcomes=outcomes,
        prompts=len({p.goal for p in chosen}),
        clusters=len({p.cluster for p in chosen}),
        largest_cluster=max(sizes.values()),
        left_out=sum(p.side is Side.TEACH and firewall.side_of(p.cluster, config.shares) is side for p in everything)
        if side is not Side.TEACH
        else 0,
        families=tuple(sorted({p.family for p in chosen})),
        atoms=firewall.atoms_of(chosen),
        attempt=ticket.attempt if ticket else 0,
    )


def select(prompts: list[Prompt], config: ElicitConfig, *, lessons: bool, sample: bool = False) -> Iterable[Prompt]:
    """The prompts of one side, attacked versions after the plain ones; for `lessons` all, under taught families alone.

    Findings are always among the lessons, and what an attack had made of them too, unless its family is kept back. Order and
    choice follow content hashes, never the file's order.
    """
    families = [name for name in config.attacks if name != "direct"]
    kept_back = {firewall.family(name) for name in config.untaught}
    if lessons:
        families = [name for name in families if kept_back.isdisjoint(firewall.families(name))]
    wraps = {name: stacked(name) for name in families}
    by_kind: dict[tuple[Kind, str], list[Prompt]] = {}
    for p in sorted(prompts, key=lambda p: (not p.source.startswith(FINDING), content_hash(p.cluster, p.id))):
        if p.family != firewall.DIRECT:
            if lessons and kept_back.isdisjoint(firewall.families(p.family)):
                yield p
            continue
        by_kind.setdefault((p.kind, "" if p.kind is Kind.PLAIN else p.principle), []).append(p)
    for (kind, _), found in sorted(by_kind.items()):
        if kind in ASKING_HARM:
            must = sum(p.source.startswith(FINDING) for p in found) if lessons else 0
            kept = found[: max(must, config.teach) if lessons else config.harmful]
            yield from kept
            for turn, (name, wrap) in enumerate(wraps.items()):
                # each family takes other prompts of the list first, so that teaching does not see one goal in every dress
                start = turn * config.attacked
                for p in [*kept[start:], *kept[:start]][: config.attacked]:
                    yield p.model_copy(update={"text": wrap(p.goal, 0), "family": name, "id": content_hash(p.id, name)})
        elif not sample:
            most, plain = (config.teach, 20) if lessons else (config.harmless, 10)
            yield from found[: most * (plain if kind is Kind.PLAIN else 1)]
