"""All plays of a campaign advance together: each round's questions go out as one batch, so a local model is never asked one by one.

Everything that is asked is a durable unit, and plays are deterministic in what they are told: a campaign that was killed is played
again from the start, out of what it already knows, and goes on where nothing is known yet.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from spiritlevel.elicit.config import Budget
from spiritlevel.elicit.plays import Move, Play, Think, Try
from spiritlevel.errors import DataError, SpiritlevelError
from spiritlevel.types import REPEAT, Ask, Attempt, Mark, Prompt, Reply, Sampling, Spent, Steer, Thought, content_hash

THINKING = 12
"""Calls of the attacker model a play may make for each query that it has: an attacker that loops ends there."""

Asking = Callable[[list[Ask]], list[Reply]]
"""Durable replies in the order of the asks."""
Querying = Callable[[list[Ask], list[Steer | None]], list[Reply]]
"""The same of the target, whose weights may be worked on for an ask."""
Judging = Callable[[list["Played"], list[Ask], list[Reply]], list[Attempt]]
Refusing = Callable[[str], bool]
Price = Callable[[int, int], float | None]
"""(tokens in, tokens out) -> money, or None when no price is known."""


@dataclass
class Played:
    """One play under way, and what it has used."""

    goal: Prompt
    attack: str
    play: Play
    queries: int
    """Queries of the target that it may make."""
    repeat: int = 0
    asked: int = 0
    thought: int = 0
    reached: bool = False
    cut: bool = False
    """Ended by the campaign's budget, not by itself."""
    moves: Sequence[Move] = ()


@dataclass
class Table:
    """What plays are given: the two models behind durable asking, the judges, and the caps."""

    target: Querying
    attacker: Asking
    judge: Judging
    refuses: Refusing
    sampling: Sampling
    budget: Budget
    price: Price
    """Of the target."""
    stop: bool
    tell: Callable[[int, int], None]
    spent: Spent = field(default_factory=Spent)
    ended: str = "done"
    attempts: list[Attempt] = field(default_factory=list)
    thoughts: list[Thought] = field(default_factory=list)
    attacker_price: Price = lambda read, written: None
    known: set[str] = field(default_factory=set)
    """Units that were asked: an equal question is answered by the same reply, and paid for once."""

    def run(self, plays: list[Played]) -> None:
        """Play all to their end, or to the end of a budget."""
        if full := Reserve(self).used_up():
            self._cut(plays, full)  # before any play works out what it would have asked
            return
        live = [one for one in plays if self._open(one)]
        while live:
            live = self._round(live)
            self.tell(len(plays) - len(live), len(plays))

    def _open(self, one: Played) -> bool:
        return self._goes_on(one, lambda: next(one.play))

    def _goes_on(self, one: Played, step: Callable[[], Sequence[Move]]) -> bool:
        """Take a play's next moves; False when it is over. What a play raises of its own is told as its fault."""
        try:
            one.moves = step()
        except StopIteration:
            return False
        except SpiritlevelError:
            raise
        except Exception as fault:
            raise DataError(
                f"attack {one.attack!r} failed on goal {one.goal.id!r} ({type(fault).__name__}: {fault}); mend or leave out this attack"
            ) from fault
        return bool(one.moves)

    def _round(self, live: list[Played]) -> list[Played]:
        """Ask what every play wants next, as far as budgets allow, and send the answers."""
        tries: list[tuple[Played, Ask, Steer | None]] = []
        thoughts: list[tuple[Played, Ask]] = []
        reserved = Reserve(self)
        playing: list[Played] = []
        waiting: list[Played] = []
        for one in live:
            queries = [(self._ask(one, move), move.steer) for move in one.moves if isinstance(move, Try)]
            mused = [self._ask(one, move) for move in one.moves if isinstance(move, Think)]
            if one.asked + len(queries) > one.queries or one.thought + len(mused) > THINKING * (one.queries + 1):
                one.play.close()
            elif not reserved.take(queries, mused):
                waiting.append(one)
            else:
                playing.append(one)
                tries += [(one, ask, steer) for ask, steer in queries]
                thoughts += [(one, ask) for ask in mused]
        if not playing:
            self._cut(waiting, reserved.full)
            return []
        said = self._thought(thoughts)
        tried = self._tried(tries)
        # what found no room goes first next time: what was set aside is the most that could be used, and less was
        return [*waiting, *(one for one in playing if self._advance(one, tried, said))]

    def _cut(self, waiting: list[Played], full: str) -> None:
        for one in waiting:
            one.cut, self.ended = True, full
            one.play.close()

    def _ask(self, one: Played, move: Move) -> Ask:
        # a whole repeat of the campaign draws anew: its asks are other units
        if isinstance(move, Try):
            return Ask(chat=move.chat, sampling=move.sampling or self.sampling, repeat=move.repeat + REPEAT * one.repeat)
        how = Sampling(max_tokens=move.max_tokens, temperature=move.temperature)
        return Ask(chat=move.chat, sampling=how, repeat=move.repeat + REPEAT * one.repeat)

    def _thought(self, asked: list[tuple[Played, Ask]]) -> dict[int, list[Reply]]:
        replies = self.attacker([ask for _, ask in asked]) if asked else []
        found: dict[int, list[Reply]] = {}
        for (one, _), reply in zip(asked, replies, strict=True):
            found.setdefault(id(one), []).append(reply)
            one.thought += 1
            refused = reply.withheld or (reply.error is None and self.refuses(reply.text))
            self.thoughts.append(Thought(goal=one.goal.id, attack=one.attack, text=reply.text, refused=refused))
        self._pay([unit(ask) for _, ask in asked], replies, queries=False)
        return found

    def _tried(self, asked: list[tuple[Played, Ask, Steer | None]]) -> dict[int, list[Attempt]]:
        if not asked:
            return {}
        asks, steers = [ask for _, ask, _ in asked], [steer for _, _, steer in asked]
        replies = self.target(asks, steers)
        self._pay([unit(ask, steer, target=True) for _, ask, steer in asked], replies, queries=True)
        found: dict[int, list[Attempt]] = {}
        for (one, ask, steer), attempt in zip(asked, self.judge([one for one, _, _ in asked], asks, replies), strict=True):
            one.asked += 1
            numbered = attempt.model_copy(update={"query": one.asked})
            if steer is not None or ask.sampling.temperature != self.sampling.temperature:
                # no user works on the weights, or sets the temperature that the target is used with
                numbered = numbered.model_copy(update={"steer": steer, "realistic": False})
            one.reached = one.reached or numbered.mark is Mark.SUCCESS
            found.setdefault(id(one), []).append(numbered)
            self.attempts.append(numbered)
        return found

    def _advance(self, one: Played, tried: dict[int, list[Attempt]], said: dict[int, list[Reply]]) -> bool:
        """Send a play its answers in the order of its moves; False when it is over."""
        if one.reached and self.stop:
            one.play.close()
            return False
        attempts, replies = iter(tried.get(id(one), [])), iter(said.get(id(one), []))
        answers: list[Attempt | Reply] = [next(replies) if isinstance(move, Think) else next(attempts) for move in one.moves]
        return self._goes_on(one, lambda: one.play.send(answers))

    def _pay(self, units: list[str], replies: list[Reply], *, queries: bool) -> None:
        fresh = {key: reply for key, reply in zip(units, replies, strict=True) if key not in self.known}
        self.known.update(fresh)
        self.spent = Spent(
            queries=self.spent.queries + queries * len(fresh),
            tokens=self.spent.tokens + sum(r.tokens_in + r.tokens_out for r in fresh.values()),
            money=self.spent.money + sum(r.money for r in fresh.values()),
        )


class Reserve:
    """What a round may still use: the most that each ask can cost is set aside before it is asked, so that no cap is ever passed."""

    def __init__(self, table: Table) -> None:
        self.table, self.full = table, ""
        self.queries, self.tokens, self.money = table.spent.queries, table.spent.tokens, table.spent.money
        self.taken = set(table.known)

    def used_up(self) -> str:
        """The cap that leaves no room for anything, empty when none does. Money is left to `take`: a local model asks for none."""
        return self._past(self.queries + 1, self.tokens + 1, self.money)

    def take(self, tries: Sequence[tuple[Ask, Steer | None]], thoughts: Sequence[Ask]) -> bool:
        """Set aside a play's asks, or name the cap that leaves no room for them. What was asked before needs none."""
        wanted = {unit(ask, steer, target=True): (ask, self.table.price) for ask, steer in tries}
        queries = self.queries + len(wanted.keys() - self.taken)
        wanted |= {unit(ask): (ask, self.table.attacker_price) for ask in thoughts}
        fresh = wanted.keys() - self.taken
        whole = [(most_read(ask), ask.sampling.max_tokens, price) for key, (ask, price) in wanted.items() if key in fresh]
        tokens = self.tokens + sum(read + written for read, written, _ in whole)
        money = self.money + sum(price(read, written) or 0.0 for read, written, price in whole)
        if fresh and (full := self._past(queries, tokens, money)):
            self.full = full
            return False
        self.queries, self.tokens, self.money = queries, tokens, money
        self.taken |= fresh
        return True

    def _past(self, queries: int, tokens: int, money: float) -> str:
        """The first cap that so much would pass; empty when none."""
        budget = self.table.budget
        for name, wanted, cap in (("queries", queries, budget.queries), ("tokens", tokens, budget.tokens), ("money", money, budget.money)):
            if cap is not None and wanted > cap:
                return f"the budget of {name} ({cap:g}) is used up"
        return ""


def unit(ask: Ask, steer: Steer | None = None, *, target: bool = False) -> str:
    """What tells one question from another: who is asked, what, how drawn, and how steered."""
    return content_hash(target, ask, steer or "")


TEMPLATE = 64
"""Tokens that a chat template may add around a chat, and to each of its turns."""


def most_read(ask: Ask) -> int:
    """Most tokens that an ask can hold: no tokenizer makes more than one a byte."""
    return TEMPLATE + sum(TEMPLATE + len(turn.content.encode("utf-8", "replace")) for turn in ask.chat)
