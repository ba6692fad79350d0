"""`spiritlevel chat`: talk to a model, branch, attack, and file what it should not have said."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TextIO

import click

from spiritlevel import backends, constitution
from spiritlevel.cli import campaigning, runs
from spiritlevel.config import LoopConfig
from spiritlevel.constitution import certify
from spiritlevel.demo import one_line
from spiritlevel.elicit import people, plays, tree
from spiritlevel.elicit.tree import Command, Exchange, Said
from spiritlevel.errors import ConfigError, EvidenceError, MissingStage, SpiritlevelError
from spiritlevel.evidence import Evidence, open_existing
from spiritlevel.types import Attempt, Campaign, ModelRef, Sampling, Side, content_hash

LABEL = "elicit.answer"
FILED = "elicit.filed:open"
PROMPT = "> "


def begin(root: Path, model: str | None, run: str | None, config: str | None, sampling: Sampling, echo: Callable[[str], None]) -> None:
    """Open the run of a talk, a new one or `run`, and talk until the lines end."""
    with _opened(root, model, run, config) as evidence:
        loaded = runs.saved(evidence)
        target = campaigning.aimed(loaded, evidence, "")
        if model is not None and backends.resolve(model).key != target.key:
            raise ConfigError(f"run {evidence.name!r} is of {target.spec!r:.60}, not of {model!r}; leave MODEL out, or leave --run out")
        Talk(evidence, loaded, target, sampling, echo).run(lines(sys.stdin))
        echo(f"kept in run {evidence.name}; go on with: spiritlevel chat --run {evidence.name}")


def _opened(root: Path, model: str | None, run: str | None, config: str | None) -> AbstractContextManager[Evidence]:
    if run is not None and (root / "runs" / run / "run.json").is_file():
        return open_existing(root, run, write=True, url=runs.database(), quiet=True)
    if model is None:
        raise ConfigError("name a model to talk to, or a run to go on with: spiritlevel chat MODEL, spiritlevel chat --run NAME")
    backends.resolve(model)  # before a run is made for it
    loaded = runs.configured(root, config, {"model": model}).model_copy(update={"finetune": None, "interpret": None})
    return runs.opened(root, loaded, name=run or f"chat-{content_hash(model)[:8]}", fresh=run is None, quiet=True)


def lines(stream: TextIO) -> Iterator[str]:
    """Lines of a terminal, with a prompt, or of a pipe, whatever bytes it holds; they end with the stream or an interruption."""
    if stream.isatty():
        with suppress(ImportError):
            import readline  # noqa: F401
        with suppress(EOFError, KeyboardInterrupt):
            while True:
                yield input(PROMPT)
        return
    for line in getattr(stream, "buffer", stream):
        yield (line.decode("utf-8", "replace") if isinstance(line, bytes) else line).rstrip("\r\n")


class Talk:
    """A tree of exchanges and where in it the person is. Every reply is a step of the run; nothing else needs to be kept."""

    def __init__(self, evidence: Evidence, config: LoopConfig, target: ModelRef, sampling: Sampling, echo: Callable[[str], None]) -> None:
        self.evidence, self.config, self.target, self.sampling, self.echo = evidence, config, target, sampling, echo
        self.law = constitution.load(config.constitution)
        self.room = people.Room(campaigning.Beside(evidence), target, self.law, certify.load(config.constitution))
        self.tree = [x for x in evidence.values(LABEL) if isinstance(x, Exchange)]
        self.filed = self._filed()
        last = self.tree[-1].said if self.tree else None
        self.at, self.system, self.prefill = (last.number, last.system, "") if last else (0, "", "")

    def run(self, typed: Iterator[str]) -> None:
        """Answer every line; an error that a person can mend is one sentence, and the talk goes on."""
        if self.tree:
            self.echo(f"going on after message {self.at} of {len(self.tree)}; /branches shows them")
        self.echo(f"talking to {self.target.spec:.60}; /help shows the commands")
        for line in typed:
            command = tree.parse(line)
            if command.name == "quit":
                return
            try:
                self._do(command)
            except SpiritlevelError as error:
                if isinstance(error, EvidenceError) and not isinstance(error, MissingStage):
                    raise  # what cannot be kept must not go on
                self.echo(f"  {one_line(str(error), 400)}")

    def _do(self, command: Command) -> None:
        match command.name:
            case "":
                if command.rest.strip():
                    self._send(command.rest)
            case "branch":
                self.at = self._message(command.rest).parent
                self.echo(f"  the next message takes the place of {command.rest}")
            case "go":
                self.at = self._message(command.rest).number
                self.echo(f"  the next message follows {command.rest}")
            case "branches":
                for depth, x in tree.drawn(self.tree):
                    here = "*" if x.said.number == self.at else " "
                    self.echo(f"{here} {'  ' * depth}{x.said.number}  {one_line(x.said.sent, 60)}  [{people.beside(x.attempt)}]")
            case "system":
                self.system = command.rest
                self.echo("  set" if command.rest else "  taken away")
            case "prefill":
                self.prefill = command.rest
                self.echo("  the next answer begins so")
            case "attack":
                last, wrap = self._last(), plays.stacked(command.rest)
                self._send(last.plain, last, command.rest, wrap(last.plain, 0))
            case "again":
                last = self._last()
                self._send(last.plain, last, last.attack, last.sent)
            case "file":
                self._file(command.rest)
            case _:
                if command.name != "help":
                    self.echo(f"  there is no /{one_line(command.name, 40)}; a message that begins with / is written //")
                for name, what in tree.COMMANDS.items():
                    self.echo(f"  /{name} {what}")

    def _send(self, plain: str, like: Said | None = None, attack: str = "", sent: str = "") -> None:
        """Send a message, or one `like` an earlier in its place."""
        plain = plain.encode("utf-8", "replace").decode()
        parent = self.at if like is None else like.parent
        before = tree.path(self.tree, parent)
        said = Said(
            number=len(self.tree) + 1,
            parent=parent,
            plain=plain,
            sent=sent or plain,
            attack=attack,
            system=self.system if like is None else like.system,
            prefill=self.prefill if like is None else like.prefill,
            sampling=self.sampling,
        )
        said = tree.repeated(self.tree, said)
        goal = people.goal_of(tree.goal(before, said), self.law)
        x = self.evidence.step(self.room.answer, self.target, self.room.instruments, said, tree.chat(before, said), goal)
        self.tree.append(x)
        self.at, self.prefill = said.number, "" if like is None else self.prefill
        self.echo(shown(said.prefill + people.shown(x.attempt.transcript.reply)))
        self.echo(click.style(f"  [{said.number}] {people.beside(x.attempt)}", dim=True))

    def _file(self, principle: str) -> None:
        number = self._last().number
        attempt = people.placed(self.tree[number - 1].attempt, principle, self.law, self.config.elicit)
        kept = [a for a in self.filed if a.query != number]  # filed again: under another principle
        done = self.evidence.step(people.filed, self.target, (*kept, attempt), self.room.instruments, Side.OPEN)
        self.filed = (*kept, attempt)
        self.echo(f"  message {number} filed under {attempt.goal.principle}; {done.findings.n} findings: spiritlevel findings")

    def _filed(self) -> tuple[Attempt, ...]:
        value = runs.value_of(self.evidence, FILED)
        return tuple(self.evidence.rows(value.attempts, Attempt)) if isinstance(value, Campaign) else ()

    def _last(self) -> Said:
        if not self.at:
            raise ConfigError("nothing was said here yet; type a message first")
        return self._message(str(self.at))

    def _message(self, number: str) -> Said:
        if not (number.isdecimal() and len(number) < 10) or not 1 <= int(number) <= len(self.tree):
            raise ConfigError(f"there is no message {number!r:.20}; /branches shows them")
        return self.tree[int(number) - 1].said


def shown(text: str) -> str:
    """Model output for a terminal: its lines kept, nothing that a terminal would act on."""
    return "\n".join(one_line(line, len(line)) for line in text.split("\n"))
