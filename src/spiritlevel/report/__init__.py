"""TELL: verdict and evidence -> model-card.md, report.html, the usage policy and the constitution, rendered from the evidence alone.

No times, no random draws, no requests: equal evidence gives equal files.
"""

from pathlib import Path

from spiritlevel.constitution import Constitution
from spiritlevel.report import campaigns, card, page, taught, usage
from spiritlevel.report import law as constitutions
from spiritlevel.report.page import StepCost
from spiritlevel.types import Agents, Campaign, Compared, Governed, Inside, Journal, Lesson, ModelCard, Pair, Seen, Tuned, Verdict

__all__ = ["CARD", "CONSTITUTION", "REPORT", "USAGE", "StepCost", "render", "write"]

CARD, REPORT = "model-card.md", "report.html"
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
) -> ModelCard:
    """One blob with the card, the report, and the usage policy and constitution with their figures.

    `provoked`: campaigns, archives and trials with tools. `governed`: without it there is no page of the usage policy.

    Inside a step leave `costs` empty: seconds differ, evidence must not.
    """
    texts = render(journal, law, tuned, compared, inside, exam, verdict, costs, seen, provoked, governed)

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
) -> dict[str, str]:
    """File names to texts; the same with `costs` is what a command shows outside the evidence."""
    pairs = journal.rows(compared.pairs, Pair)
    lessons = journal.rows(tuned.lessons, Lesson) if tuned.lessons else []
    again = taught.told(journal, tuned, compared, lessons, pairs, taught.retests(provoked, tuned))
    told = campaigns.sections(journal, provoked, compared)
    texts = {
        CARD: card.markdown(law, tuned, compared, inside, exam, verdict, pairs, again, told),
        REPORT: page.html(law, tuned, compared, inside, exam, verdict, pairs, lessons, costs, seen, again, told),
    }
    written = {CONSTITUTION: constitutions.pages(law, tuned, compared, exam, verdict, governed)}
    if governed is not None:
        written[USAGE] = usage.pages(law, tuned, compared, inside, exam, governed, told)
    return texts | {f"{name}.{form}": text for name, pair in written.items() for form, text in zip(("html", "md"), pair, strict=True)}
