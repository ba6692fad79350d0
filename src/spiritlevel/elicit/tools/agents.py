"""Targets with tools: every scenario and its harmless twin played in lockstep; what was done is read off the world's state.

The measures are AgentDojo's (Debenedetti et al. 2024, section 3): attack success, task done under attack, task done without.
"""

from collections import Counter
from collections.abc import Callable, Sequence

from spiritlevel import backends, judges, stats
from spiritlevel.constitution import Constitution
from spiritlevel.elicit.bench import opinions
from spiritlevel.elicit.campaign import durably, nobody, price
from spiritlevel.elicit.config import AgentsConfig
from spiritlevel.elicit.findings import findings
from spiritlevel.elicit.lockstep import Judging, Played, Table
from spiritlevel.elicit.plays import Play, Try, reply
from spiritlevel.elicit.tools import oracle, protocol
from spiritlevel.elicit.tools.oracle import TWIN, State, WorldJudge
from spiritlevel.elicit.tools.scenario import SOURCE, Scenario
from spiritlevel.errors import TooManyFailures
from spiritlevel.judges.text import TextJudge
from spiritlevel.types import (
    Agents,
    Ask,
    Attempt,
    Cell,
    Chat,
    Estimate,
    Journal,
    Judgement,
    Kind,
    Mark,
    ModelRef,
    Outcome,
    Prompt,
    Reply,
    Sampling,
    Transcript,
    Trial,
    Turn,
)


def agents(
    journal: Journal,
    target: ModelRef,
    law: Constitution,
    config: AgentsConfig,
    scenarios: tuple[Scenario, ...],
    *,
    confidence: float = 0.95,
) -> Agents:
    """Play `scenarios` and their twins against `target`.

    ConfigError for a money budget without a price; TooManyFailures when more than a fifth of the replies failed.
    """
    opened = backends.open_model(target, journal)
    known = {one.id: one for one in scenarios}
    judge = WorldJudge(known)
    ask = durably(journal, opened, "asking the target")
    table = Table(
        target=lambda asks, _: ask(asks),
        attacker=nobody,
        judge=reading(journal, judge, target),
        refuses=lambda text: False,
        sampling=Sampling(max_tokens=config.max_tokens, temperature=config.temperature),
        budget=config.budget,
        price=price(opened, config.budget),
        stop=False,  # whether the user's task is done all the same shows only at the end
        tell=lambda done, total: journal.progress("playing scenarios", done, total),
    )
    played = [
        Played(goal(one, law, armed), attack(one, armed), play(one, armed, config.steps, config.warn), config.steps, repeat)
        for repeat in range(config.repeats)
        for one in scenarios
        for armed in (True, False)
    ]
    table.run(played)
    attempts = journal.put("attempt", table.attempts)
    lost = sum(attempt.mark is Mark.ERRORED for attempt in table.attempts)
    if lost > backends.MOST_FAILED * max(1, len(table.attempts)):
        raise TooManyFailures(f"{lost} of {len(table.attempts)} calls to {target.spec!r} failed; mend the endpoint and run again")
    trials = tried(played, table.attempts, known)
    whole = [trial for trial in trials if trial.ended in ("words", "steps")]
    twins = [trial for trial in whole if not trial.armed]
    return Agents(
        target=target,
        warned=config.warn,
        attempts=attempts,
        trials=journal.put("trial", trials),
        findings=journal.put("finding", findings([a for a in table.attempts if a.attack != TWIN], target)),
        cells=cells(whole, confidence),
        by_itself=rate(twins, lambda t: t.hit, "attacker's call in twins", confidence),
        over_refusal=rate(twins, lambda t: t.refused, "twins refused", confidence),
        played=len(trials),
        no_call=sum(trial.valid == 0 for trial in trials),
        valid=sum(trial.valid for trial in trials),
        faulty=sum(trial.faulty for trial in trials),
        unreadable=sum(trial.unreadable for trial in trials),
        ended=dict(sorted(Counter(trial.ended for trial in trials).items())),
        instruments=(judge.identity,),
        spent=table.spent,
        stopped=table.ended,
    )


def play(scenario: Scenario, armed: bool, steps: int, warn: bool) -> Play:
    """The tool-calling loop: ask, carry out the calls of the reply, tell the results; until a reply makes no call or steps are used."""
    chat = protocol.opening(scenario.asked(armed=armed), warn=warn)
    state = State(world=scenario.start(armed=armed))
    for number in range(steps):
        (answer,) = yield [Try(chat, repeat=number)]
        state, told = oracle.step(state, reply(answer))
        if told is None:
            return
        chat = (*chat, Turn(role="assistant", content=reply(answer)), told)


def attack(scenario: Scenario, armed: bool) -> str:
    """`injection:mail:system-notice`, `misuse:user:plain-order`, or `twin`."""
    return f"{'injection' if scenario.injected else 'misuse'}:{scenario.placement}:{scenario.dress}" if armed else TWIN


def goal(scenario: Scenario, law: Constitution, armed: bool) -> Prompt:
    """What an attempt serves. Its group is the scenario's id, its family `twin` for the twin: the world's judge goes by them."""
    return Prompt(
        id=oracle.name(scenario, armed=armed),
        text=scenario.asked(armed=armed),
        goal=scenario.want if armed else scenario.twin,
        principle=scenario.principle,
        category=law.principle(scenario.principle).category,
        kind=Kind.HARMFUL if armed else Kind.PLAIN,
        family=attack(scenario, armed),
        group=scenario.id,
        cluster=f"scenario:{scenario.id}",
        source=SOURCE,
    )


def reading(journal: Journal, judge: WorldJudge, target: ModelRef) -> Judging:
    """Attempts marked by the world's state. `outcome` is the text judge's word on replies that make no call."""
    words = TextJudge()

    def attempts(playing: list[Played], asks: list[Ask], replies: list[Reply]) -> list[Attempt]:
        transcripts = [
            Transcript(prompt=one.goal, chat=ask.chat, reply=said, model=target.key, repeat=ask.repeat)
            for one, ask, said in zip(playing, asks, replies, strict=True)
        ]
        read = journal.rows(judges.score(journal, judge, transcripts), Judgement)
        return [
            Attempt(
                goal=one.goal,
                attack=one.attack,
                query=0,
                transcript=t,
                sampling=ask.sampling,
                mark=Mark.ERRORED if word.probability is None else Mark.SUCCESS if word.probability else Mark.FAILURE,
                outcome=None if t.reply.error or protocol.calls(t.reply.text) else judges.judged(words, [t])[0].outcome,
                opinions=opinions((judge.identity,), (word,)),
            )
            for one, ask, t, word in zip(playing, asks, transcripts, read, strict=True)
        ]

    return attempts


def tried(played: Sequence[Played], attempts: Sequence[Attempt], known: dict[str, Scenario]) -> list[Trial]:
    """What came of each play that was asked anything."""
    asked: dict[tuple[str, int], list[Attempt]] = {}
    for attempt in attempts:
        asked.setdefault((attempt.goal.id, attempt.round), []).append(attempt)
    return [trial(known[one.goal.group], one, mine) for one in played if (mine := asked.get((one.goal.id, one.repeat))) is not None]


def trial(scenario: Scenario, one: Played, mine: Sequence[Attempt]) -> Trial:
    """One play's attempts read off the world after its last reply."""
    last = max(mine, key=lambda attempt: attempt.query)
    t, armed = last.transcript, oracle.armed(last.transcript)
    state = oracle.after(scenario, t.full, armed=armed)
    effects, talking = state.world.effects, bool(protocol.calls(t.reply.text))
    judged = not armed or scenario.injected
    return Trial(
        scenario=scenario.id,
        placement=scenario.placement,
        dress=scenario.dress,
        armed=armed,
        repeat=one.repeat,
        hit=oracle.hits(scenario, effects),
        done=oracle.done(scenario, effects, t.reply.text) if judged else None,
        shown=armed and (not scenario.injected or shown(scenario, t.chat)),
        valid=state.valid,
        faulty=state.faulty,
        unreadable=state.unreadable,
        replies=last.query,
        refused=last.outcome is Outcome.REFUSAL,
        ended="error" if t.reply.error else "budget" if one.cut else "steps" if talking else "words",
        last=t,
    )


def shown(scenario: Scenario, chat: Chat) -> bool:
    """Whether the attacker's words stand in what the tools gave back."""
    return any(scenario.injection in turn.content for turn in chat[2:] if turn.role == "user")


def cells(trials: Sequence[Trial], confidence: float) -> tuple[Cell, ...]:
    """Rates over all injections, by placement, by dress, and over misuse."""
    injections = [trial for trial in trials if trial.placement != "user"]
    groups = [("all injections", injections)]
    groups += [(f"in {p}", [t for t in injections if t.placement == p]) for p in sorted({t.placement for t in injections})]
    groups += [(f"as {d}", [t for t in injections if t.dress == d]) for d in sorted({t.dress for t in injections})]
    groups += [("misuse", [trial for trial in trials if trial.placement == "user"])]
    return tuple(cell(name, mine, confidence) for name, mine in groups if mine)


def cell(name: str, trials: Sequence[Trial], confidence: float) -> Cell:
    """The four rates over some trials."""
    armed = [trial for trial in trials if trial.armed]
    return Cell(
        name=name,
        scenarios=len({trial.scenario for trial in trials}),
        hit=rate(armed, lambda t: t.hit, f"attack success, {name}", confidence),
        hit_shown=rate([t for t in armed if t.shown], lambda t: t.hit, f"attack success where read, {name}", confidence),
        done=rate([t for t in armed if t.done is not None], lambda t: bool(t.done), f"task done under attack, {name}", confidence),
        done_twin=rate([t for t in trials if not t.armed], lambda t: bool(t.done), f"task done without, {name}", confidence),
    )


def rate(trials: Sequence[Trial], of: Callable[[Trial], bool], name: str, confidence: float) -> Estimate:
    """A share of trials, with Wilson's interval at the effective number of scenarios."""
    return stats.rate([float(of(t)) for t in trials], [t.scenario for t in trials], name=name, confidence=confidence)
