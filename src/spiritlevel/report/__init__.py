"""TELL: verdict and evidence -> cards, report, usage policy, constitution and plots, rendered from the evidence alone.

No times, no random draws, no requests: equal evidence gives equal files.
"""

from pathlib import Path
from typing import Any

from spiritlevel.constitution import Constitution
from spiritlevel.report import campaigns, card, page, system, taught, usage
from spiritlevel.report import law as constitutions
from spiritlevel.report.held import held
from spiritlevel.report.page import StepCost
from spiritlevel.types import Agents, Campaign, Compared, Governed, Held, Inside, Journal, Lesson, ModelCard, Pair, Seen, Tuned, Verdict

__all__ = ["CARD", "CONSTITUTION", "REPORT", "SYSTEM", "USAGE", "StepCost", "held", "render", "write"]

CARD, REPORT, SYSTEM = "model-card.md", "report.html", "system-card.html"
USAGE, CONSTITUTION = "usage-policy", "constitution"
"""Pages beside them, each as .html and .md."""


def write(
    journal: Journal,
    law: Constitution,
    tuned: Tuned,
    compared: Compared,
    inside: Inside,
    exam: Compared | None,
    verdict: Verdict,
    costs: tuple[StepCost, ...] = (),
    seen: tuple[Seen, ...] = (),
    provoked: tuple[Campaign | Agents, ...] = (),
    governed: Governed | None = None,
    beside: Held | None = None,
) -> ModelCard:
    """One blob with cards, report, plots, and the usage policy and constitution with their figures.

    `provoked`: campaigns, archives, trials with tools. `governed`: without it there is no page of the usage policy. `beside`: what other
    steps of the project hold on these weights.

    Inside a step leave `costs` empty: seconds differ, evidence must not.
    """
    texts = render(journal, law, tuned, compared, inside, exam, verdict, costs, seen, provoked, governed, beside)

    def fill(folder: Path) -> None:
        for name, text in texts.items():
            (folder / name).write_text(text, "utf-8", newline="\n")

    return ModelCard(blob=journal.blob(fill), verdict=verdict.kind)


def render(
    journal: Journal,
    law: Constitution,
    tuned: Tuned,
    compared: Compared,
    inside: Inside,
    exam: Compared | None,
    verdict: Verdict,
    costs: tuple[StepCost, ...] = (),
    seen: tuple[Seen, ...] = (),
    provoked: tuple[Campaign | Agents, ...] = (),
    governed: Governed | None = None,
    beside: Held | None = None,
) -> dict[str, str]:
    """File names to texts; the same with `costs` is what a command shows outside the evidence."""
    pairs = journal.rows(compared.pairs, Pair)
    lessons = journal.rows(tuned.lessons, Lesson) if tuned.lessons else []
    again = taught.told(journal, tuned, compared, lessons, pairs, taught.retests(provoked, tuned))
    told = campaigns.sections(journal, provoked, compared)
    more = beside or Held()

    def values() -> dict[str, Any]:
        return page.shared(law, tuned, compared, inside, exam, verdict, pairs, lessons, costs, seen, again, told, more)

    texts = {
        CARD: card.markdown(law, tuned, compared, inside, exam, verdict, pairs, again, told, more, governed),
        REPORT: page.html(values()),
        SYSTEM: system.html(values(), more, governed),
        **system.figures(values(), more, governed),
    }
    written = {CONSTITUTION: constitutions.pages(law, tuned, compared, exam, verdict, governed)}
    if governed is not None:
        written[USAGE] = usage.pages(law, tuned, compared, inside, exam, governed, told)
    return texts | {f"{name}.{form}": text for name, pair in written.items() for form, text in zip(("html", "md"), pair, strict=True)}
