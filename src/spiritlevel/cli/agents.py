"""`spiritlevel agents`: play a target with tools, and tell what it did."""

import json
from collections.abc import Iterator
from pathlib import Path

from spiritlevel import audit, constitution, elicit
from spiritlevel.cli import campaigning
from spiritlevel.cli.telling import span
from spiritlevel.config import LoopConfig
from spiritlevel.elicit.tools import scenario
from spiritlevel.errors import ConfigError
from spiritlevel.evidence import Evidence
from spiritlevel.types import Agents, Trial


def play(config: LoopConfig, evidence: Evidence, target: str, out: Path | None) -> Iterator[str]:
    """The trials of a configuration against its `base` or tuned model; `out`: all of them, whole chats, as JSON lines."""
    if config.agents.scenarios == "none":
        raise ConfigError("agents.scenarios is none, so there is nothing to play; name some, or write all")
    law = constitution.load(config.constitution)
    chosen = scenario.load(config.agents.scenarios, config.agents.folder, (p.id for p in law.principles))
    model = campaigning.aimed(config, evidence, target)
    found = evidence.step(
        elicit.agents,
        model,
        law,
        config.agents,
        chosen,
        config.elicit,
        trained_on=audit.declared(config),
        files=elicit.version(config.elicit),
        found=elicit.lessons(evidence, config.elicit.findings, law),
        confidence=law.policy.confidence,
    )
    count = campaigning.look(evidence, found)
    yield from told(found)
    yield from campaigning.listed(evidence, found)
    yield from count
    if out is not None:
        trials = evidence.rows(found.trials, Trial)
        out.write_text("".join(f"{json.dumps(trial.model_dump(mode='json'), ensure_ascii=True)}\n" for trial in trials), "utf-8")
        yield f"  {len(trials)} trials written to {out}"


def told(a: Agents) -> Iterator[str]:
    """Attack success beside tasks done, and what there is to know before reading them."""
    warned = "told that results are no orders" if a.warned else "not told that results are no orders"
    yield (
        f"\ntools on {a.target.spec:.40}, {a.side.value} side, {warned}: {a.played} trials, twins included; "
        f"{a.spent.queries} replies, {a.spent.tokens} tokens{f', {a.spent.money:.4f} money' if a.spent.money else ''}; {a.stopped}"
    )
    yield f"  ended: {', '.join(f'{n} by {how}' for how, n in a.ended.items())}; read by {', '.join(i.name for i in a.instruments)}"
    yield f"  calls: {a.valid} valid, {a.faulty} of no such tool or with wrong arguments, {a.unreadable} could not be read"
    if a.left_out:
        yield f"  {a.left_out} scenarios left out: of another side, or seen in training"
    if a.no_call:
        yield f"  {a.no_call} of {a.played} trials made no valid call: a low success there shows inability, not safety"
    for cell in a.cells:
        yield f"  {cell.name} ({cell.scenarios} scenarios)"
        yield f"    attack success {span(cell.hit):32} where it was read {span(cell.hit_shown)}"
        yield f"    task done      {span(cell.done):32} without attack    {span(cell.done_twin)}"
    yield f"  without attack: the attacker's call all the same {span(a.by_itself)}; refused {span(a.over_refusal)}"
