"""Inspect with our models as its model: chats that wait together are asked together, in the thread that may write."""

import tempfile
from typing import Any, cast

import anyio
import inspect_ai
from inspect_ai.log import EvalLog, EvalSample
from inspect_ai.model import ChatMessage, GenerateConfig, ModelAPI, ModelOutput, modelapi
from inspect_ai.model import Model as Theirs
from inspect_ai.solver._task_state import sample_state

from spiritlevel import backends
from spiritlevel.backends import inspect_layer
from spiritlevel.backends.text import clean, until
from spiritlevel.errors import DataError, SpiritlevelError
from spiritlevel.measure.suites.answered import Row
from spiritlevel.measure.suites.model import Item, Reading
from spiritlevel.measure.suites.tasks import Ran
from spiritlevel.types import Ask, Chat, Journal, Model, Reply, Sampling, Turn

TOKENS = 512
"""Limit of a reply where neither the task nor its solver sets one."""
TOGETHER = 64
"""Samples under way at once."""
FEW = 2
"""Calls that may fail among those that are asked together, however few these are."""
WAIT = 0.05
"""Seconds in which other samples may join those that are asked together."""


class Ours(ModelAPI):  # type: ignore[misc,unused-ignore]
    """A model of ours as Inspect asks one. `fault`: what ended the whole, beside what ended a sample."""

    def __init__(self, model_name: str) -> None:  # Inspect stores what it was made with, so the rest is told after
        super().__init__(model_name)
        self.fault: SpiritlevelError | None = None
        self.waiting: list[Ask] = []
        self.known: dict[Ask, Reply] = {}

    def serves(self, journal: Journal, model: Model, label: str) -> None:
        """The model, and where its replies are kept."""
        self.journal, self.model, self.label = journal, model, label

    def max_connections(self) -> int:
        """As many as are asked together."""
        return TOGETHER

    async def generate(self, input: list[ChatMessage], tools: Any, tool_choice: Any, config: GenerateConfig) -> ModelOutput:
        """A reply, cut at the first string that stops one."""
        if self.fault is not None:
            raise self.fault
        try:
            if tools:
                raise DataError(f"the task {self.label!r} hands its model tools, which ours have not; run it with Inspect alone")
            reply = await self._reply(Ask(chat=self._chat(input), sampling=_sampling(config), repeat=_epoch() - 1))
        except SpiritlevelError as fault:
            self.fault = fault
            raise
        if reply.error is not None:
            raise RuntimeError(reply.error)
        text = until(reply.text, config.stop_seqs or ())
        return ModelOutput.from_content(self.model_name, text, "max_tokens" if reply.truncated and text == reply.text else "stop")

    async def _reply(self, ask: Ask) -> Reply:
        self.waiting.append(ask)
        await anyio.sleep(WAIT)
        if ask not in self.known:  # the first to wake asks for all that wait
            asks, self.waiting = list(dict.fromkeys(self.waiting)), []
            rows = backends.ask(self.journal, self.model, asks, self.label, few=FEW)
            self.known.update(zip(asks, self.journal.rows(rows, Reply), strict=True))
        return self.known[ask]

    def _chat(self, input: list[ChatMessage]) -> Chat:
        if strange := next((one.role for one in input if one.role == "tool"), None):
            raise DataError(f"the task {self.label!r} has a turn of a {strange}, which our models cannot read; run it with Inspect alone")
        if any(part.type not in ("text", "reasoning") for one in input if not isinstance(one.content, str) for part in one.content):
            raise DataError(f"the task {self.label!r} shows pictures, sound or files, which our models cannot read; choose one of text")
        return tuple(Turn.model_validate({"role": one.role, "content": clean(one.text)}) for one in input)


def answered(journal: Journal, model: Model, task: str, most: int) -> Ran:
    """The tasks that a name or file has. DataError: there is none, or it cannot be run. A scorer that asks a model asks this one."""
    ours = cast(Ours, modelapi(name="ours")(Ours)(model.ref.spec))
    ours.serves(journal, model, f"inspect/{task}")
    with tempfile.TemporaryDirectory() as home:  # logs are read from it when their samples are
        return _ran(_logs(ours, task, most, home))


def _logs(ours: Ours, task: str, most: int, home: str) -> list[EvalLog]:
    try:
        logs: list[EvalLog] = inspect_ai.eval(
            task,
            model=Theirs(ours, GenerateConfig(max_connections=TOGETHER)),
            limit=most or None,
            display="none",
            log_dir=home,
            log_level="error",
            fail_on_error=False,
            max_samples=TOGETHER,
        )
    except (Exception, SystemExit) as fault:  # whatever Inspect or the task's own code raise
        raise ours.fault or DataError(f"Inspect cannot run the task {ours.label!r:.80} ({_brief(fault)}); mend that") from fault
    if ours.fault is not None:
        raise ours.fault
    if not logs:
        raise DataError(f"Inspect finds no task in {task!r:.80}; name a file with a @task function, or PACKAGE/TASK")
    for log in logs:
        if log.status != "success" or not log.samples:
            why = _brief(log.error.message if log.error else log.status)
            raise DataError(f"Inspect did not bring the task {ours.label!r:.80} to its end ({why}); mend that")
    return logs


def _ran(logs: list[EvalLog]) -> Ran:
    every: dict[str, list[Row]] = {}
    licences: set[str] = set()
    for log in logs:
        samples = list(log.samples or [])
        values = [{n: v for key, score in (one.scores or {}).items() for n, v in inspect_layer.scores(key, score.value)} for one in samples]
        for name in sorted({name for each in values for name in each}):
            rows = every.setdefault(f"suite:inspect/{log.eval.task}/{name}", [])
            rows += [_row(one, each.get(name)) for one, each in zip(samples, values, strict=True)]
        licences.add(str((log.eval.metadata or {}).get("license") or ""))
    return Ran(
        answered=every,
        asked=tuple(sorted({item.question for rows in every.values() for item, _ in rows})),
        licence=", ".join(sorted(licences - {""})),
        how=f"replies of at most {TOKENS} tokens, or as the task says",
        left_out=(),
        version=f"{inspect_ai.__version__} {sorted(str(log.eval.task_version) for log in logs)}",
    )


def _row(sample: EvalSample, value: float | None) -> Row:
    text = sample.input if isinstance(sample.input, str) else "\n".join(turn.text for turn in sample.input)
    item = Item(id=f"{sample.id}/{sample.epoch}", group=str(sample.id), question=clean(text))
    error = "" if sample.error is None else _brief(sample.error.message)
    return item, Reading(item=item.id, value=value, text=clean(sample.output.completion), error=error)


def _sampling(config: GenerateConfig) -> Sampling:
    return Sampling(max_tokens=config.max_tokens or TOKENS, temperature=config.temperature or 0.0)


def _epoch() -> int:
    state = sample_state()
    return 1 if state is None else state.epoch


def _brief(fault: object) -> str:
    said = " ".join(clean(str(fault)).split())[:200]
    return said or type(fault).__name__
