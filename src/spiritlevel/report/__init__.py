"""TELL: verdict and evidence -> model-card.md and report.html, rendered from the evidence alone.

No times, no random draws, no requests: equal evidence gives equal files.
"""

from pathlib import Path

from spiritlevel.constitution import Constitution
from spiritlevel.report import campaigns, card, page, taught
from spiritlevel.report.page import StepCost
from spiritlevel.types import Agents, Campaign, Compared, Inside, Journal, Lesson, ModelCard, Pair, Seen, Tuned, Verdict

__all__ = ["CARD", "REPORT", "StepCost", "render", "write"]

CARD, REPORT = "model-card.md", "report.html"


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
) -> ModelCard:
    """One blob with the card and the report. `provoked`: campaigns, archives and trials with tools.

    Inside a step leave `costs` empty: seconds differ, evidence must not.
    """
    texts = render(journal, law, tuned, compared, inside, exam, verdict, costs, seen, provoked)

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
) -> dict[str, str]:
    """File names to texts; the same with `costs` is what a command shows outside the evidence."""
    pairs = journal.rows(compared.pairs, Pair)
    lessons = journal.rows(tuned.lessons, Lesson) if tuned.lessons else []
    again = taught.told(journal, tuned, compared, lessons, pairs, taught.retests(provoked, tuned))
    told = campaigns.sections(journal, provoked, compared)
    return {
        CARD: card.markdown(law, tuned, compared, inside, exam, verdict, pairs, again, told),
        REPORT: page.html(law, tuned, compared, inside, exam, verdict, pairs, lessons, costs, seen, again, told),
    }
