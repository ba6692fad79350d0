"""`spiritlevel gap` where something is to be drawn: a pool from a model, samples along checkpoints."""

from collections.abc import Sequence
from pathlib import Path

from spiritlevel import backends, constitution, firewall, world
from spiritlevel.cli import runs
from spiritlevel.cli.progress import bars
from spiritlevel.elicit import ElicitConfig, PromptFile
from spiritlevel.elicit.prompts import gather, read_file
from spiritlevel.errors import DataError, MissingStage
from spiritlevel.evidence import Evidence, MemoryJournal, open_existing, open_run
from spiritlevel.judges.reward import open_reward
from spiritlevel.lineage import Ledger, ancestry
from spiritlevel.measure import pushing
from spiritlevel.measure.pushing import GapSettings, Specs
from spiritlevel.types import Checkpoint, GapPlot, Journal, Lineage, ModelRef, Optimised, Prompt, Side, content_hash

HOME = Path("runs") / ".gap"
"""What is drawn is durable in a run of its own, which is no run of the loop."""
SEEDS = 32
"""Prompts of the built-in seeds that are asked where no file is given."""


def drawn(
    root: Path, model: str, checkpoints: Sequence[str], prompts: Path | None, specs: Specs, settings: GapSettings, *, quiet: bool
) -> GapPlot:
    """A pool of `model`, or samples along the way from it over `checkpoints`. Kill it, give the same command, and it goes on."""
    asked, specs = held(prompts), known_by(specs, MemoryJournal())
    refs = [backends.resolve(spec) for spec in (model, *checkpoints)]
    ledger = known(root, refs)
    identity = content_hash(*(ref.key for ref in refs), *asked, specs, settings)
    with (
        bars(quiet) as listener,
        open_run(root / HOME, None, identity, "", quiet=quiet, listener=listener) as evidence,
    ):
        if not checkpoints:
            return evidence.step(pushing.pool_by, refs[0], asked, specs, settings, ledger)
        way = tuple(Checkpoint(step=i, ref=ref) for i, ref in enumerate(refs))
        only = pushing.Route(checkpoints=way, proxy=specs.proxies[0])
        return evidence.step(pushing.walk_by, (only,), asked, specs.intent, settings, ledger, specs.identities)


def followed(
    root: Path, names: Sequence[str | None], prompts: Path | None, specs: Specs, settings: GapSettings, how: str | None, *, quiet: bool
) -> GapPlot:
    """Samples along the checkpoints of runs' policies, kept in the first run. A proxy each, or one for all."""
    asked = held(prompts)
    routes: list[pushing.Route] = []
    for name, proxy in zip(names[1:], specs.proxies[1:] or specs.proxies * len(names[1:]), strict=True):
        with open_existing(root, name, write=False, url=runs.database(), quiet=True) as other:
            policy = optimised(other)
            way = tuple(elsewhere(one, other) for one in policy.checkpoints)
            routes.append(route(other.name, policy, proxy, how, way))
    with (
        bars(quiet) as listener,
        open_existing(root, names[0], write=True, url=runs.database(), quiet=quiet, listener=listener) as evidence,
    ):
        policy = optimised(evidence)
        specs = known_by(specs, evidence)  # type: ignore[arg-type]  # a reward needs its blobs alone
        first = route(evidence.name if routes else "", policy, specs.proxies[0], how, policy.checkpoints)
        ledger = known(root, [one.ref for each in routes for one in each.checkpoints])
        return evidence.step(pushing.walk_by, (first, *routes), asked, specs.intent, settings, ledger, specs.identities)


def route(name: str, policy: Optimised, proxy: str, how: str | None, way: Sequence[Checkpoint]) -> pushing.Route:
    """A policy's checkpoints as they lie in `way`."""
    return pushing.Route.model_validate(
        {"name": name, "checkpoints": tuple(way), "proxy": proxy, "how": how or policy.aggregate, "judges": (policy.reward,)}
    )


def elsewhere(one: Checkpoint, of: Evidence) -> Checkpoint:
    """A checkpoint that another run can open: a blob by its path."""
    scheme, _, blob = one.ref.spec.partition(":")
    if scheme != "blob":
        return one
    return one.model_copy(update={"ref": one.ref.model_copy(update={"spec": f"path:{of.path(blob)}"})})


def optimised(evidence: Evidence) -> Optimised:
    """The latest policy of a run. MissingStage when it has none."""
    for step in reversed(evidence.steps()):
        value = evidence.value(step.label, step.subject)
        if isinstance(value, Optimised):
            return value
    raise MissingStage(
        f"run {evidence.name!r} has optimised no policy; make one with: spiritlevel policy, or name models with --model and --checkpoint"
    )


def held(file: Path | None) -> tuple[Prompt, ...]:
    """The file's prompts, each once, with their clusters; without a file, some of the seeds' open side. DataError when there is none."""
    if file is None:
        return world.chosen(gather(constitution.load(), ElicitConfig()), Side.OPEN, SEEDS)
    found = list({p.text: p for p in read_file(PromptFile(path=str(file)))}.values())
    if not found:
        raise DataError(f"{str(file)!r} holds no prompt; give held-out prompts")
    ids = firewall.clusters([p.goal or p.text for p in found], [p.group for p in found])
    return tuple(p.model_copy(update={"cluster": id}) for p, id in zip(found, ids, strict=True))


def known_by(specs: Specs, journal: Journal) -> Specs:
    """The specs with the identity of each reward."""
    each = [open_reward(spec, journal).identity.id for spec in (*specs.proxies, specs.intent)]
    return specs.model_copy(update={"identities": tuple(each)})


def known(root: Path, refs: Sequence[ModelRef]) -> tuple[Lineage, ...]:
    """What the project's ledger knows of models and their ancestors."""
    if not (file := root / "runs" / "ledger.db").is_file():
        return ()
    lookup = Ledger(file, write=False).lookup
    found = {one.weights: one for ref in refs if (own := lookup(ref.weights)) for one in ancestry(own, lookup)}
    return tuple(found.values())
