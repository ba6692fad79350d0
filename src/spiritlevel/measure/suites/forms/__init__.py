"""The forms of question, one file each: how a row is checked, asked and read. A form is a module with `check`, `read` and `own_rows`."""

from spiritlevel.measure.suites.forms import checked, choice, exact, graded, hinted, pairs, reply
from spiritlevel.measure.suites.forms.base import Form
from spiritlevel.measure.suites.model import Suite

NAMES: dict[str, Form] = {
    "choice": choice.FORM,
    "exact": exact.FORM,
    "pairs": pairs.FORM,
    "reply": reply.FORM,
    "checked": checked.FORM,
    "hinted": hinted.FORM,
    "graded": graded.FORM,
}


def form(suite: Suite) -> Form:
    """The form of a suite; its name has been checked when it was declared."""
    return NAMES[suite.form]
