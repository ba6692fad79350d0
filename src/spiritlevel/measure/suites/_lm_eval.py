"""lm-evaluation-harness with our models as its model: choices are scored after plain text, replies asked as one user's turn."""

import contextlib
import functools
import logging
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import lm_eval  # type: ignore[import-not-found,unused-ignore]
import numpy as np
from lm_eval.api.metrics import mean  # type: ignore[import-not-found,unused-ignore]
from lm_eval.api.model import LM  # type: ignore[import-not-found,unused-ignore]
from lm_eval.tasks import TaskManager  # type: ignore[import-not-found,unused-ignore]

from spiritlevel import backends
from spiritlevel.backends import options
from spiritlevel.backends.options import TOO_LONG
from spiritlevel.backends.text import until
from spiritlevel.errors import DataError, SpiritlevelError
from spiritlevel.measure.suites import lm_eval_logs
from spiritlevel.measure.suites.answered import Row
from spiritlevel.measure.suites.tasks import Ran
from spiritlevel.types import Ask, Frozen, Journal, Model, OpenWeights, Reply, Sampling, user

SEED = 0
SHOTS_SEED = 1234
"""The harness's own seeds, so that its examples and shuffled choices are the ones that others had."""
TOKENS = 256
"""Its own limit of a reply, where a task sets none."""
LONG = 20
"""Signs from which a document's text may be what training met; a shorter one is a label."""


class Ends(Frozen):
    """A unit of scoring: a text and ways to go on."""

    text: str
    ends: tuple[str, ...]


class Scored(Frozen):
    """(log-probability in nats, whether greedy decoding gives it) of each end; none where the text does not fit."""

    values: tuple[tuple[float, bool], ...]


class Harness(LM):  # type: ignore[misc,unused-ignore]
    """A model of ours as the harness asks one. `failed`: documents of which a question had no answer -> why."""

    def __init__(self, journal: Journal, model: Model, label: str) -> None:
        super().__init__()
        self.journal, self.model, self.label = journal, model, label
        self.failed: dict[tuple[str, str], str] = {}

    def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:
        """For each (text, end). NeedsWeights without weights."""
        backends.check_weights(self.model.ref, f"the choices of {self.label} are scored by log-probabilities, which need")
        together: dict[tuple[str, str, str], list[int]] = {}
        for place, one in enumerate(requests):
            together.setdefault((*_document(one), one.args[0]), []).append(place)
        units = [Ends(text=key[-1], ends=tuple(requests[place].args[1] for place in places)) for key, places in together.items()]

        def score(weights: OpenWeights, part: Sequence[Ends]) -> list[list[tuple[float, bool]]]:
            return options.continued(weights, [one.text for one in part], [one.ends for one in part])

        rows: list[Scored] = options.kept(self.journal, self.model, "ends", units, score, Scored, self.label)
        scored: list[tuple[float, bool]] = [(-np.inf, False)] * len(requests)
        for places, row in zip(together.values(), rows, strict=True):
            for place, value in zip(places, row.values, strict=False):
                scored[place] = value
            if not row.values:
                self.failed[_document(requests[places[0]])] = TOO_LONG
        return scored

    def generate_until(self, requests: Sequence[Any]) -> list[str]:
        """For each (text, settings) the reply up to the first string that ends one."""
        seen: Counter[int] = Counter()
        asks = []
        for one in requests:
            how = one.args[1]
            warmth = float(how.get("temperature", 1.0)) if how.get("do_sample") else 0.0
            sampling = Sampling(max_tokens=int(how.get("max_gen_toks", TOKENS)), temperature=warmth)
            asks.append(Ask(chat=user(one.args[0]), sampling=sampling, repeat=seen[id(one)]))
            seen[id(one)] += 1
        found = []
        rows = self.journal.rows(backends.ask(self.journal, self.model, asks, self.label), Reply)
        for one, reply in zip(requests, rows, strict=True):
            if reply.error is not None:
                self.failed[_document(one)] = reply.error
            stops = one.args[1].get("until") or []
            found.append(until(reply.text, [stops] if isinstance(stops, str) else stops))
        return found

    def loglikelihood_rolling(self, requests: Sequence[Any]) -> list[float]:
        """Never: it gives a perplexity, which is no share."""
        raise DataError(f"the task {self.label!r} asks how likely whole documents are, which is no share; choose one of choices or replies")


def answered(journal: Journal, model: Model, task: str, most: int) -> Ran:
    """A task or a group of them, as its files say. DataError for one that is not known, cannot be fetched, or may not be run."""
    label = f"lm-eval/{task}"
    with _seeded():
        tasks = _run(label, lambda: _loaded(task))
        for one in tasks.values():
            if getattr(one, "UNSAFE_CODE", False):
                raise DataError(f"the task {label!r} executes what the model writes, which is not done here; run it in a sandbox of yours")
        harness = Harness(journal, model, label)
        given = {"lm": harness, "task_dict": {"tasks": tasks}, "limit": most or None, "bootstrap_iters": 0, "log_samples": True}
        found = _run(label, lambda: lm_eval.evaluate(**given)["samples"])
    every: dict[str, list[Row]] = {}
    left_out: set[str] = set()
    for name, one in tasks.items():
        means = {metric for metric, how in one.aggregation().items() if how is mean}
        for figure, rows in lm_eval_logs.answered(name, map(lm_eval_logs.row, found[name])).items():
            if figure.split("/")[2] not in means:
                left_out.add(figure)
                continue
            every[figure] = [_failed(row, harness.failed.get((name, row[0].id))) for row in rows]
            if len(tasks) > 1:  # a group's own figure: all its rows together
                whole = "/".join(["suite:lm-eval", Path(task).stem, *figure.split("/")[2:]])
                every.setdefault(whole, []).extend(_of(name, row) for row in every[figure])
    sets = [one.eval_docs for one in tasks.values()]
    asked = {text for each in found.values() for one in each for text in one["doc"].values() if isinstance(text, str) and len(text) >= LONG}
    return Ran(
        answered=every,
        asked=tuple(sorted(asked)),
        licence=", ".join(sorted({str(getattr(getattr(one, "info", None), "license", None) or "") for one in sets} - {""})),
        how="; ".join(sorted({_how(one) for one in tasks.values()})),
        left_out=tuple(sorted(left_out)),
        version=f"{lm_eval.__version__} {sorted((name, str(one.VERSION)) for name, one in tasks.items())}",
    )


@functools.cache
def _manager() -> Any:
    """What the harness has; it reads some thousand files."""
    return TaskManager()


def _loaded(task: str) -> dict[str, Any]:
    manager = _manager()
    if task not in manager.all_tasks and not Path(task).is_file():
        raise DataError(f"lm-evaluation-harness has no task {task!r:.80}, nor is there such a file; list its own with: lm-eval ls tasks")
    tasks = cast(dict[str, Any], manager.load([task])["tasks"])
    for one in tasks.values():
        if one.get_config("num_fewshot") is None:
            one.set_config(key="num_fewshot", value=0)
        one.set_fewshot_seed(seed=SHOTS_SEED)
    return tasks


def _run(label: str, work: Callable[[], Any]) -> Any:
    try:
        return work()
    except SpiritlevelError:
        raise
    except Exception as fault:  # whatever the harness, its data sets or a task's own code raise
        first = next(iter(str(fault).strip().splitlines()), "") or type(fault).__name__
        raise DataError(f"lm-evaluation-harness cannot run the task {label!r:.80} ({first:.200}); mend that") from fault


@contextlib.contextmanager
def _seeded() -> Iterator[None]:
    """Tasks draw from the global generators; they are put back, and the harness's own log is kept quiet."""
    states, log = (random.getstate(), np.random.get_state()), logging.getLogger("lm_eval")
    level = log.level
    random.seed(SEED)
    np.random.seed(SHOTS_SEED)
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        log.setLevel(level)


def _document(request: Any) -> tuple[str, str]:
    return str(request.task_name), str(request.doc_id)


def _failed(row: Row, why: str | None) -> Row:
    return row if why is None else (row[0], row[1].model_copy(update={"value": None, "error": why}))


def _of(task: str, row: Row) -> Row:
    """A row under its group: ids of two tasks are apart."""
    item, reading = row
    name = f"{task}/{item.id}"
    return item.model_copy(update={"id": name, "group": f"{task}/{item.group}"}), reading.model_copy(update={"item": name})


def _how(task: Any) -> str:
    what = "replies to one user's turn" if task.OUTPUT_TYPE == "generate_until" else "log-probabilities after plain text"
    return f"{what}, {task.get_config('num_fewshot')} examples"
