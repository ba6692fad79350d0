"""What people sign: consent by role, dissent, and exceptions that end."""

from collections.abc import Iterable, Iterator, Sequence

from spiritlevel.errors import ConfigError
from spiritlevel.lineage.chain import day
from spiritlevel.types import Check, SignOff, VerdictKind


def latest(signed: Iterable[SignOff], basis: str) -> list[SignOff]:
    """Each person's last word in each role on this evidence, exceptions apart."""
    last = {(s.name.casefold(), s.role.casefold()): s for s in signed if s.basis == basis and not s.excepts}
    return list(last.values())


def consent(level: str, role: str, signed: Sequence[SignOff], basis: str) -> Check:
    """Whether a role has signed: somebody in it consents to exactly this evidence, and nobody in it dissents."""
    id = f"{level}: sign-off by {role}"
    mine = [s for s in latest(signed, basis) if s.role.casefold() == role.casefold()]
    against = next((s for s in mine if s.dissent), None)
    if against is not None:
        needs = f"the consent of {against.name} ({role}), or evidence that answers the dissent"
        return Check(threshold=id, result=VerdictKind.UNPROVEN, reason=f"{against.name} dissents: {against.reason}", needs=needs)
    if mine:
        one = mine[-1]
        return Check(threshold=id, result=VerdictKind.APPROVED, reason=f"{one.name} signed on {day(one.when)}: {one.reason}")
    stale = any(s.role.casefold() == role.casefold() and not s.excepts for s in signed)
    reason = f"what {role} signed was other evidence than this" if stale else f"no {role} has signed"
    needs = f"the signature of a {role} (spiritlevel sign RUN --role {role!r})"
    return Check(threshold=id, result=VerdictKind.UNPROVEN, reason=reason, needs=needs)


def excused(check: Check, signed: Sequence[SignOff], basis: str, roles: Sequence[str]) -> Check:
    """An unproven check for which a role that may has signed an exception, approved until it ends; what is held stays held."""
    if check.result is not VerdictKind.UNPROVEN:
        return check
    allowed = {role.casefold() for role in roles}
    for s in reversed(signed):
        if s.excepts == check.threshold and s.basis == basis and s.role.casefold() in allowed and s.until is not None and not s.dissent:
            reason = f"by exception of {s.name} ({s.role}) until {day(s.until)}: {s.reason}; without it: {check.reason}"
            return check.model_copy(update={"result": VerdictKind.APPROVED, "reason": reason})
    return check


def dissent(signed: Iterable[SignOff], basis: str) -> Iterator[str]:
    """Every dissent on this evidence, recorded whatever it decides."""
    for s in latest(signed, basis):
        if s.dissent:
            yield f"{s.name} ({s.role}) dissents: {s.reason}"


def worded(name: str, role: str, reason: str) -> None:
    """ConfigError when a signature says nothing."""
    for what, text in (("name", name), ("role", role), ("reason", reason)):
        if not text.strip() or "\n" in text:
            raise ConfigError(f"--{what} {text!r} is empty or more than a line; say it in one line")
