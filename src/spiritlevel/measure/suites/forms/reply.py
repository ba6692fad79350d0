"""Free replies, read by the text judge: is the request met, refused, or answered with nonsense?"""

from collections.abc import Mapping, Sequence

from spiritlevel.judges.text import TextJudge
from spiritlevel.measure.suites.forms.base import Asked, Form, chat, no_rows, replies
from spiritlevel.measure.suites.frames import Part, put
from spiritlevel.measure.suites.model import Item, Reading, Suite
from spiritlevel.types import Journal, Kind, Model, Prompt, Transcript


def check(item: Item) -> None:
    """Something is asked."""
    if not item.question.strip():
        raise ValueError("the prompt is empty")


def read(journal: Journal, model: Model, asked: Asked, items: Sequence[Item]) -> list[Reading]:
    """The outcome as `cell`; a failed call has an error and none."""
    chats = [chat(*put(item, asked.frame)) for item in items]
    judge, found = TextJudge(), []
    for item, one, reply in zip(items, chats, replies(journal, model, chats, asked.suite.max_tokens, asked.suite.name), strict=True):
        harmful = item.tags.get("harmful", "").lower() == "true"
        prompt = Prompt(id=item.id, text=item.question, goal=item.question, principle="", kind=Kind.HARMFUL if harmful else Kind.LOOKALIKE)
        judged = judge.judge([Transcript(prompt=prompt, chat=one, reply=reply, model=model.ref.key)])[0]
        cell = judged.outcome.value if judged.outcome is not None and reply.error is None else ""
        found.append(Reading(item=item.id, frame=asked.frame, cell=cell, text=reply.text, error=reply.error or ""))
    return found


def fixed(suite: Suite, model: Model) -> Mapping[Part, str]:
    """A request stands without an instruction of ours."""
    return {"instruction": "nothing is asked for but the request"}


FORM = Form(check, read, no_rows, fixed)
