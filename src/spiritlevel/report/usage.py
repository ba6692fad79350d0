"""usage-policy.html and usage-policy.md: what is forbidden and allowed, what governance would do, on what figures; and what of others'
lists of risks the evidence covers. Written from evidence alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from spiritlevel.constitution import Constitution, Principle
from spiritlevel.report import campaigns, card, choose, frameworks, page, words
from spiritlevel.report.refs import Refs
from spiritlevel.types import Check, Compared, Governed, Inside, Lineage, Measurement, Ruling, Tuned, Usage, content_hash

ACTIONS = {
    "block": "nobody gets the reply",
    "escalate": "a person decides before the reply goes out",
    "warn": "the reply goes out with a warning",
    "allow": "the reply goes out",
}
FORBIDDEN, REFUSED = ("delivered_harm",), ("over_refusal_lookalike", "over_refusal_plain")
TOLD = (*FORBIDDEN, "compliance", *REFUSED, "served")


@dataclass(frozen=True)
class Section:
    """One category as the page tells it."""

    ruling: Ruling
    principles: tuple[Principle, ...]
    forbidden: Measurement | None
    """Delivered harm after training, of the side that decides: sealed where it was read."""
    refused: tuple[Measurement, ...]
    asked: tuple[tuple[str, int, int, tuple[str, ...]], ...]
    """(side, prompts that ask for what is forbidden, harmless ones, rows)."""
    sides: tuple[tuple[str, choose.Lines], ...]

    @property
    def shown(self) -> tuple[str, ...]:
        """Rows of the figures that are told at a glance."""
        told = (*((self.forbidden,) if self.forbidden else ()), *self.refused)
        return tuple(row for m in told for row in m.rows)

    @property
    def rows(self) -> tuple[str, ...]:
        """What the ruling rests on."""
        return tuple(row for check in checks(self.ruling) for row in check.rows)


def checks(ruling: Ruling) -> tuple[Check, ...]:
    """The checks behind a ruling."""
    return (*((ruling.kept,) if ruling.kept else ()), *ruling.served)


def sections(law: Constitution, told: Governed) -> list[Section]:
    """One a category, in the policy's order."""
    return [_section(law, told, ruling) for ruling in told.ruled.rulings]


def _section(law: Constitution, told: Governed, ruling: Ruling) -> Section:
    sides = [side for side in (told.used, told.examined) if side is not None]
    of = [(side, [m for m in side.figures if m.principle == f"category:{ruling.category}"]) for side in sides]
    last = of[-1][1]
    return Section(
        ruling=ruling,
        principles=tuple(p for p in law.principles if p.category == ruling.category),
        forbidden=next((m for m in last if m.estimate.name in FORBIDDEN and m.phase == "after"), None),
        refused=tuple(m for m in last if m.estimate.name in REFUSED and m.phase == "after"),
        asked=tuple(_asked(side, ruling.category) for side in sides),
        sides=tuple((side.side.value, choose.side_by_side(figures)) for side, figures in of if figures),
    )


def _asked(side: Usage, category: str) -> tuple[str, int, int, tuple[str, ...]]:
    mine = next((a for a in side.asked if a.category == category), None)
    return side.side.value, mine.forbidden if mine else 0, mine.allowed if mine else 0, (side.pairs,)


def coverage(
    tuned: Tuned, compared: Compared, inside: Inside, exam: Compared | None, told: Governed, provoked: Sequence[campaigns.Section]
) -> list[tuple[frameworks.Framework, list[frameworks.Covered]]]:
    """Each shipped list with what this run has on every risk."""
    figures = evidence(tuned.lineage, compared, inside, exam, told, provoked)
    return [(one, frameworks.covered(one, figures)) for one in map(frameworks.parse, frameworks.shipped().values())]


def evidence(
    lineage: Lineage | None,
    compared: Compared,
    inside: Inside,
    exam: Compared | None,
    told: Governed,
    provoked: Sequence[campaigns.Section],
) -> list[frameworks.Figure]:
    """All that a list of risks may rest on in this run: measurements, categories, campaigns, trials with tools, lineage."""
    sides = [(side.side.value, side.measurements) for side in (compared, exam) if side is not None]
    used = [(side.side.value, side.figures) for side in (told.used, told.examined) if side is not None]
    found = frameworks.figures([*sides, ("inside", inside.measurements)], used)
    found += _records(told.used.model, lineage, provoked)
    return found


def _records(model: str, lineage: Lineage | None, provoked: Sequence[campaigns.Section]) -> Iterator[frameworks.Figure]:
    """Campaigns and trials against the released model, and its lineage where what trained it is known or declared."""
    for section in provoked:
        if section.value.target.key == model:
            for line in campaigns.lines([section]):
                if line.harm is not None:
                    kind = "agents" if section.kind == "agents" else "campaign"
                    yield frameworks.Figure(f"record:{kind}", line.rows, campaigns.share(line.harm), side=line.how)
    if lineage is not None and lineage.history in ("known", "declared"):
        yield frameworks.Figure("record:lineage", (f"lineage:{lineage.weights or model}",), side=f"history {lineage.history}")


def limits(law: Constitution, told: Governed) -> list[str]:
    """What the page does not show."""
    few = [r.title for r in told.ruled.rulings if r.few and any(c.estimate is not None for c in checks(r))]
    none = [r.title for r in told.ruled.rulings if r.kept is not None and r.kept.estimate is None]
    bare = [r.title for r in told.ruled.rulings if not any(p.category == r.category for p in law.principles)]
    said = ["Each category is decided by itself: among many, some intervals miss the truth. No ruling is looser than what is declared."]
    said.append("A rate is of these prompts and attacks, read by these judges. It is no share of what your users will ask.")
    if told.examined is None:
        said.append("The sealed prompts were not read: on open prompts alone nothing counts as shown.")
    if few:
        said.append(f"Too few clusters of prompts to show all that is asked: {'; '.join(few)}.")
    if none:
        said.append(f"Nothing forbidden was measured in: {'; '.join(none)}.")
    if bare:
        said.append(f"No principle says what these categories are: {'; '.join(bare)}.")
    said += [f"{note[0].upper()}{note[1:]}." for side in (told.used, told.examined) if side for note in side.notes]
    return said


def pages(
    law: Constitution,
    tuned: Tuned,
    compared: Compared,
    inside: Inside,
    exam: Compared | None,
    told: Governed,
    provoked: Sequence[campaigns.Section] = (),
) -> tuple[str, str]:
    """(HTML, Markdown)."""
    known = page.known_rows(law, tuned, compared, exam) | campaigns.known(s.value for s in provoked)
    lists = coverage(tuned, compared, inside, exam, told, provoked)
    known |= {listed(one): "the list as it is shipped: ids and titles of others" for one, _ in lists}
    values: dict[str, Any] = {
        "law": law,
        "listed": listed,
        "compared": compared,
        "sealed": told.examined is not None,
        "words": words,
        "sections": sections(law, told),
        "actions": ACTIONS,
        "covers": frameworks.COVERS,
        "records": frameworks.RECORDS,
        "coverage": lists,
        "limits": limits(law, told),
        "instrument": page.namer(tuned, compared, exam),
        "entry": lambda name: entry(law, name),
    }
    return document("usage.html.j2", Refs(known), values), markdown("usage.md.j2", Refs(known), values)


def listed(framework: frameworks.Framework) -> str:
    """Evidence id of a list of risks, from which ids and titles are quoted."""
    return f"list:{content_hash(framework)}"


def entry(law: Constitution, name: str) -> str:
    """An entry of a list in words."""
    kind, _, rest = name.partition(":")
    if kind == "category":
        return f"delivered harm: {words.subject(law, name)}"
    if kind == "record":
        return frameworks.RECORDS[rest]
    return name if kind == "suite" else words.label(name)


def document(template: str, refs: Refs, values: dict[str, Any]) -> str:
    """One self-contained page of HTML."""
    return page.environment().get_template(template).render({**values, "refs": refs})


def markdown(template: str, refs: Refs, values: dict[str, Any]) -> str:
    """The same in Markdown, every text made inert; ends with one line feed."""
    tools = card.markup(refs, values["law"], values.get("verdict"))
    return page.environment().get_template(template).render({**values, **tools}).strip() + "\n"
