"""`spiritlevel keys`, `sign`, `verify`, `drop`: who decided, and is the evidence what was decided on."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from spiritlevel.evidence import Evidence

ROOT = Path()
EXIT = {"approved": 0, "held": 3, "unproven": 4}


@click.group()
def keys() -> None:
    """The project's pair of keys, with which verdicts are signed and checked."""


@keys.command()
@click.option("--out", type=click.Path(), help="Where to put the private key; default: ~/.config/spiritlevel/keys.")
def new(out: str | None) -> None:
    """Make a pair: spiritlevel.pub beside the project, the private key outside of it, readable by you alone."""
    from spiritlevel.evidence import keys as pair

    private, public = pair.new(ROOT, None if out is None else Path(out))
    click.echo(f"public key:  {public}  (give it to whoever verifies: {pair.fingerprint(public)})")
    click.echo(f"private key: {private}  (keep it; SPIRITLEVEL_KEY names it where it lies elsewhere)")


@click.command()
@click.argument("run")
@click.option("--name", required=True, help="Who signs.")
@click.option("--role", required=True, help="In what role, as the policy names it.")
@click.option("--reason", required=True, help="Why, in a line.")
@click.option("--dissent", is_flag=True, help="Against it: recorded, and the role has then not signed.")
@click.option("--except", "excepts", default="", metavar="ID", help="Let this condition stay unproven until a date; held stays held.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="The exception's last day.")
def sign(run: str, name: str, role: str, reason: str, dissent: bool, excepts: str, until: datetime | None) -> None:
    """Sign the verdict of RUN, or dissent. The signature counts for exactly the evidence that the verdict stands on."""
    for line in _sign(run, name, role, reason, dissent, excepts, until):
        click.echo(line)


def _sign(run: str, name: str, role: str, reason: str, dissent: bool, excepts: str, until: datetime | None) -> Iterator[str]:
    import time

    from spiritlevel import release
    from spiritlevel.cli.runs import database
    from spiritlevel.errors import ConfigError
    from spiritlevel.evidence import open_existing
    from spiritlevel.release.people import worded
    from spiritlevel.types import SignOff, Verdict

    worded(name, role, reason)
    if bool(excepts) != (until is not None):
        raise ConfigError("an exception names a condition and ends; give both --except and --until")
    end = None if until is None else until.replace(tzinfo=UTC).timestamp() + 86400
    if end is not None and end <= time.time():
        raise ConfigError(f"--until {until:%Y-%m-%d} is over; give a day that is to come")
    with open_existing(ROOT, run, write=True, url=database()) as evidence:
        verdict = evidence.value("release")
        assert isinstance(verdict, Verdict)
        known = [c.threshold for c in (*verdict.checks, *(c for level in verdict.levels for c in level.safeguards))]
        if excepts and excepts not in known:
            raise ConfigError(f"no condition {excepts!r} in the verdict of run {run!r}; it has {', '.join(known)}")
        word = SignOff(
            name=name.strip(),
            role=role.strip(),
            reason=reason.strip(),
            basis=verdict.basis,
            when=time.time(),
            dissent=dissent,
            excepts=excepts,
            until=end,
        )
        evidence.step(release.signed, word)
        yield f"{'dissent' if dissent else 'signature'} of {word.name} ({word.role}) on run {evidence.name}, evidence {verdict.basis[:10]}"
        yield f"it counts when the verdict is next decided: spiritlevel release --run {evidence.name}"


@click.command()
@click.argument("folder", required=False, type=click.Path())
@click.option("--key", type=click.Path(), help="The public key; default: the project's spiritlevel.pub. A bundle needs one.")
@click.option("--after", default="", metavar="HEAD", help="A head that an earlier verification printed: it must still be in the chain.")
@click.option("--gate", is_flag=True, help="If all is well, exit by the verdict: 0 approved, 3 held, 4 unproven.")
def verify(folder: str | None, key: str | None, after: str, gate: bool) -> None:
    """Is the evidence what was signed? FOLDER is a project (default: this one) or a bundle; no network is used."""
    from spiritlevel.cli.runs import database
    from spiritlevel.errors import ConfigError
    from spiritlevel.evidence import verify as verifying
    from spiritlevel.evidence.bundle import bundle_of
    from spiritlevel.evidence.keys import PUBLIC
    from spiritlevel.release.again import decided_again

    root = ROOT if folder is None else Path(folder)
    bundle = bundle_of(root) is not None
    if bundle and key is None:
        raise ConfigError("a bundle is checked against a key that you trust, not one that comes with it; give --key spiritlevel.pub")
    url = None if bundle else database()
    found = verifying.verify(root, Path(key) if key is not None else root / PUBLIC, after=after, url=url)
    faults = list(found.faults)
    if found.sealed is not None and not faults:
        with verifying.opened(root, found.sealed.run, url) as evidence:
            if why := decided_again(evidence, found.sealed.verdict):
                faults.append(f"the verdict of run {found.sealed.run!r} does not follow from its evidence: {why}")
    for note in found.notes:
        click.echo(f"note: {note}")
    for fault in faults:
        click.echo(f"FAULT: {fault}")
    if faults or found.sealed is None:
        click.echo(f"NOT VERIFIED: {len(faults)} fault{'s' * (len(faults) != 1)}")
        raise SystemExit(1)
    sealed = found.sealed
    click.echo(
        f"verified: the verdict of run {sealed.run} on {sealed.spec} is {sealed.verdict.kind.value.upper()}, signed on {sealed.signed} UTC"
    )
    click.echo(f"head: {found.head}")
    if gate:
        raise SystemExit(EXIT[sealed.verdict.kind.value])


@click.command()
@click.argument("run")
@click.option("--reason", required=True, help="Why, in a line.")
def drop(run: str, reason: str) -> None:
    """Record that RUN was removed from the project and why; its folder is yours to delete, before or after."""
    from spiritlevel.errors import EvidenceError
    from spiritlevel.lineage import Ledger
    from spiritlevel.lineage.chain import DROPPED
    from spiritlevel.release.people import worded

    worded("-", "-", reason)
    ledger = Ledger(ROOT / "runs" / "ledger.db")
    if not ledger.path.is_file() or run not in {link.run for link in ledger.links()}:
        raise EvidenceError(f"no run {run!r} in the project's chain; spiritlevel runs lists those that are there")
    link = ledger.link(run, DROPPED + reason.strip(), "")
    click.echo(f"link {link.seq} of the chain says that run {run} was removed: {reason.strip()}")


def sealed(evidence: "Evidence") -> str:
    """Sign the run's verdict when the project has its private key at hand; where the signed file is, or why there is none."""
    from spiritlevel.evidence import keys as pair
    from spiritlevel.evidence.seal import seal
    from spiritlevel.types import Tuned, Verdict

    private = pair.private(ROOT)
    verdict = evidence.value("release")
    tuned = next((p for p in evidence.parts(verdict) if isinstance(p, Tuned)), None)
    if private is None or not isinstance(verdict, Verdict) or tuned is None:
        where = " (its private key is not here)" if (ROOT / pair.PUBLIC).is_file() else "; spiritlevel keys new makes a key"
        return f"not signed{where}"
    return f"signed: {seal(evidence, verdict, tuned.ref.key, tuned.ref.spec, private)}"
