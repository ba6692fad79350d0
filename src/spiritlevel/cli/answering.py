"""`spiritlevel ask RUN QUESTION`: what the run itself says, with the rows that say so."""

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path

from spiritlevel import constitution, elicit
from spiritlevel.cli import runs
from spiritlevel.evidence import Evidence, open_existing
from spiritlevel.report import CARD, words
from spiritlevel.report import ask as asking
from spiritlevel.report.refs import Refs
from spiritlevel.types import ModelCard

SILENT = "The evidence does not say."
LONGEST = 1600
"""Characters of one sentence on the screen; a model's name or a person's reason can be long."""


def ask(root: Path, run: str, question: str, *, as_json: bool = False, embed: bool | None = None) -> Iterator[str]:
    """The answer in lines, or as one line of JSON. `run`: a name, or the path of a run's folder."""
    home, name = place(root, run)
    with open_existing(home, name, url=runs.database()) as evidence:
        config = runs.saved(evidence)
        law = constitution.load(config.constitution)
        told = asking.told_of(evidence, law, config.model_dump(mode="json"), elicit.provoked(evidence))
        ready = asking.prepared(told, embed=embed)
        answer, refs = ready.answer(question), numbered(evidence, ready)
    yield from [as_line(told.run, answer, refs, told)] if as_json else in_lines(answer, refs, told)


def place(root: Path, run: str) -> tuple[Path, str]:
    """(project, name) of a run that is named or pointed to."""
    folder = Path(run)
    if (folder / "run.json").is_file() and folder.resolve().parent.name == "runs":
        return folder.resolve().parent.parent, folder.resolve().name
    return root, run


def in_lines(answer: asking.Answer, refs: Refs, told: asking.Told) -> Iterator[str]:
    """Each sentence with its evidence; what is not said is said first."""
    if not answer.answered:
        about = f" Nothing in it is about: {', '.join(words.line(w, 60) for w in answer.missing)}." if answer.missing else ""
        yield SILENT + about
    for s in answer.statements:
        yield words.line(s.text, LONGEST)
        if s.rows:
            yield f"  [e{refs.number(s.rows)}] rows {', '.join(words.line(row, 200) for row in refs.key(s.rows))}"
        else:
            yield f"  [{words.line(s.source or s.kind)}]"
    if told.unfinished:
        yield f"note: run {told.run} is not finished: it has no {' and no '.join(told.unfinished)} yet"


def as_line(run: str, answer: asking.Answer, refs: Refs, told: asking.Told) -> str:
    """The same for programs; whatever is not ASCII is escaped."""
    said = [
        {
            "text": words.line(s.text, LONGEST),
            "kind": s.kind,
            "evidence": f"e{refs.number(s.rows)}" if s.rows else "",
            "rows": list(refs.key(s.rows)) if s.rows else [],
            "source": s.source,
        }
        for s in answer.statements
    ]
    found = {"run": run, "question": answer.question, "answered": answer.answered, "sentences": said, "missing": list(answer.missing)}
    return json.dumps(found | {"unfinished": list(told.unfinished)})


def numbered(evidence: Evidence, ready: asking.Asked) -> Refs:
    """The numbers of the run's model card, where it has one, and after them those of what the card does not cite."""
    refs = Refs({})
    card = runs.value_of(evidence, "report")
    if isinstance(card, ModelCard):
        for line in (evidence.path(card.blob) / CARD).read_text("utf-8").splitlines():
            if cited := re.match(r"- e(\d+): ", line):
                ids = [html.unescape(one) for one in re.findall(r"<code>(.*?)</code>", line)]
                refs.numbers.setdefault(refs.key(ids), int(cited[1]))
    for s in ready.statements:
        if s.rows:
            refs.number(s.rows)
    return refs
