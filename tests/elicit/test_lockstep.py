"""Lockstep: no cap is ever passed, every answer finds its question, and nothing plays for ever."""

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elicit.tables import WIN, goal, table
from searching import examples
from spiritlevel.elicit.config import Budget
from spiritlevel.elicit.lockstep import THINKING, Played, most_read
from spiritlevel.elicit.plays import Move, Play, Think, Try
from spiritlevel.errors import DataError, NeedsWeights
from spiritlevel.types import REPEAT, Ask, Attempt, Reply, Sampling, user

Script = list[list[str]]
"""Rounds of moves: `T` asks the target, `W` asks it and wins, `K` asks the attacker."""


def scripted(script: Script, heard: list[tuple[str, str]] | None = None) -> Play:
    """A play that makes these moves and notes (question, answer) pairs."""
    for turn, kinds in enumerate(script):
        names = [f"{kind}{turn}.{n}{' ' + WIN if kind == 'W' else ''}" for n, kind in enumerate(kinds)]
        moves: list[Move] = [
            Think(user(name), max_tokens=6) if kind == "K" else Try(user(name)) for kind, name in zip(kinds, names, strict=True)
        ]
        answers = yield moves
        for name, kind, answer in zip(names, kinds, answers, strict=True):
            assert isinstance(answer, Reply if kind == "K" else Attempt)
            said = answer.transcript.reply.text if isinstance(answer, Attempt) else answer.text
            if heard is not None:
                heard.append((name, said))


def echo(ask: Ask, share: float = 1.0) -> Reply:
    """The question back, having used a share of the most that it may."""
    return Reply(text=ask.chat[-1].content, tokens_in=int(most_read(ask) * share), tokens_out=int(ask.sampling.max_tokens * share))


scripts = st.lists(st.lists(st.lists(st.sampled_from("TTKW"), min_size=1, max_size=4), max_size=5), min_size=1, max_size=6)
caps = st.one_of(st.none(), st.integers(0, 12))


@examples(300)
@given(
    scripts=scripts,
    queries=st.integers(1, 6),
    cap=caps,
    tokens=st.one_of(st.none(), st.integers(0, 3_000)),
    money=st.one_of(st.none(), st.floats(0, 0.01)),
    share=st.floats(0, 1),
    stop=st.booleans(),
)
def test_no_budget_is_ever_passed(
    scripts: list[Script], queries: int, cap: int | None, tokens: int | None, money: float | None, share: float, stop: bool
) -> None:
    rates = (2e-6, 9e-6)

    def paid(ask: Ask, rate: float) -> Reply:
        reply = echo(ask, share)
        return reply.model_copy(update={"money": rate * (reply.tokens_in + reply.tokens_out)})

    played_on = table(
        lambda ask: paid(ask, rates[0]),
        lambda ask: paid(ask, rates[1]),
        Budget(queries=cap, tokens=tokens, money=money),
        stop=stop,
        price=lambda read, written: rates[0] * (read + written),
        attacker_price=lambda read, written: rates[1] * (read + written),
    )
    heard: list[list[tuple[str, str]]] = [[] for _ in scripts]
    plays = [Played(goal(str(n)), "a", scripted(script, heard[n]), queries) for n, script in enumerate(scripts)]
    played_on.run(plays)
    assert len(played_on.attempts) == sum(one.asked for one in plays)
    assert played_on.spent.queries == len({a.transcript.chat for a in played_on.attempts}), "an equal question is asked once"
    assert cap is None or played_on.spent.queries <= cap
    assert tokens is None or played_on.spent.tokens <= tokens
    assert money is None or played_on.spent.money <= money + 1e-12
    assert all(question == answer for pairs in heard for question, answer in pairs), "answers come in the order of the questions"
    for one in plays:
        mine = [a for a in played_on.attempts if a.goal.id == one.goal.id]
        assert [a.query for a in mine] == list(range(1, one.asked + 1))
        assert one.asked <= queries
        assert one.reached == any(WIN in a.transcript.reply.text for a in mine)
        assert not (one.cut and played_on.ended == "done")
    assert played_on.ended == "done" or any(one.cut for one in plays)


def test_without_caps_every_play_goes_to_its_end() -> None:
    done = table(echo, echo, stop=False)
    plays = [Played(goal(str(n)), "a", scripted([["K"], ["T"]] * (n + 1)), 9) for n in range(4)]
    done.run(plays)
    assert [one.asked for one in plays] == [1, 2, 3, 4]
    assert done.ended == "done"
    assert len(done.thoughts) == 10


def forever(kind: type[Move], many: int = 1) -> Play:
    while True:
        yield [kind(user("again"))] * many


@pytest.mark.parametrize("kind", [Try, Think])
def test_what_loops_ends(kind: type[Move]) -> None:
    done = table()
    one = Played(goal(), "loop", forever(kind), 3)
    done.run([one])
    assert (one.asked, one.thought) == ((3, 0) if kind is Try else (0, THINKING * 4))
    assert done.ended == "done", "a play that loops used up its own queries, not the campaign's"


def test_a_play_that_asks_for_nothing_is_over() -> None:
    def idle() -> Play:
        while True:
            yield []

    done = table()
    done.run([Played(goal(), "idle", idle(), 3)])
    assert not done.attempts


def test_a_play_that_wants_more_than_it_has_gets_none_of_it() -> None:
    one = Played(goal(), "greedy", forever(Try, 4), 3)
    table().run([one])
    assert one.asked == 0


def broken() -> Iterator[Sequence[Move]]:
    yield [Try(user("first"))]
    raise KeyError("a slip of its author")


def test_what_a_play_raises_is_told_with_its_name_and_goal() -> None:
    done = table()
    with pytest.raises(DataError, match=r"attack 'slip' failed on goal 'g' \(KeyError: 'a slip of its author'\)"):
        done.run([Played(goal(), "slip", broken(), 3)])  # type: ignore[arg-type]
    assert len(done.attempts) == 1, "what was asked is kept"


def test_errors_for_the_user_pass_as_they_are() -> None:
    def needs() -> Play:
        raise NeedsWeights("weights")
        yield []

    with pytest.raises(NeedsWeights):
        table().run([Played(goal(), "gcg", needs(), 3)])


def test_a_goal_that_is_reached_is_left_only_when_asked_to() -> None:
    for stop, asked in ((True, 1), (False, 3)):
        done = table(echo, echo, stop=stop)
        one = Played(goal(), "a", scripted([["W"], ["T"], ["T"]]), 8)
        done.run([one])
        assert (one.asked, one.reached) == (asked, True)


def test_repeats_of_a_campaign_draw_anew() -> None:
    asked: list[Ask] = []

    def target(ask: Ask) -> Reply:
        asked.append(ask)
        return Reply(text="no")

    table(target).run([Played(goal(), "a", scripted([["T"]]), 1, repeat) for repeat in range(3)])
    assert [ask.repeat for ask in asked] == [0, REPEAT, 2 * REPEAT]
    assert len({ask.model_dump_json() for ask in asked}) == 3


def test_all_plays_of_a_round_go_out_together() -> None:
    sizes: list[int] = []
    done = table()
    ask = done.target
    done.target = lambda asks, steers: (sizes.append(len(asks)), ask(asks, steers))[1]
    done.run([Played(goal(str(n)), "a", scripted([["T"]] * (n + 1)), 9) for n in range(5)])
    assert sizes == [5, 4, 3, 2, 1]


def test_what_found_no_room_for_the_most_it_might_use_waits_for_what_is_left() -> None:
    one = Ask(chat=user("T0.0"), sampling=Sampling(max_tokens=8))
    room = most_read(one) + 8 + 20  # one at its most, and twenty tokens
    done = table(lambda ask: Reply(text="no", tokens_in=1, tokens_out=1), budget=Budget(tokens=room))
    plays = [Played(goal(str(n)), "a", scripted([["T"]]), 1) for n in range(5)]
    done.run(plays)
    assert [p.asked for p in plays] == [1] * 5
    assert done.ended == "done"


def test_what_two_plays_ask_alike_is_paid_for_once() -> None:
    def costs(ask: Ask) -> Reply:
        return Reply(text="no", tokens_in=3, tokens_out=2, money=0.5)

    done = table(costs, costs, Budget(queries=2, money=2.0), price=lambda read, written: 0.5, attacker_price=lambda read, written: 0.5)
    plays = [Played(goal(str(n)), "a", scripted([["K"], ["T"], ["T"]]), 2) for n in range(3)]
    done.run(plays)
    assert [p.asked for p in plays] == [2, 2, 2], "two queries are enough for three that ask the same"
    assert (done.spent.queries, done.spent.tokens, done.spent.money) == (2, 15, 1.5)
    assert done.ended == "done"
    again = Played(goal("late"), "a", scripted([["T"]]), 2, repeat=1)
    done.run([again])
    assert again.cut, "another repeat is another question"


def test_no_user_sets_the_temperature() -> None:
    def heated() -> Play:
        yield [Try(user("a plain question")), Try(user("a plain question"), Sampling(temperature=1.6), repeat=1)]
        yield [Try(user("a plain question"), Sampling(max_tokens=99, temperature=table().sampling.temperature), repeat=2)]

    done = table()
    done.run([Played(goal(), "decoding", heated(), 3)])
    assert [a.realistic for a in done.attempts] == [None, False, None], "a longer reply alone changes nothing"


def test_nothing_is_asked_under_a_budget_of_zero() -> None:
    for budget in (Budget(queries=0), Budget(tokens=0)):
        done = table(budget=budget)
        one = Played(goal(), "a", scripted([["T"]]), 1)
        done.run([one])
        assert (done.attempts, one.cut) == ([], True)
        assert "(0) is used up" in done.ended


def test_an_attacker_that_refuses_is_counted() -> None:
    done = table(attacker=lambda ask: Reply(text="I'm sorry, no."))
    done.run([Played(goal(), "a", scripted([["K"], ["K"]]), 1)])
    assert [thought.refused for thought in done.thoughts] == [True, True]


@examples(60)
@given(st.text(max_size=60))
def test_no_text_has_more_tokens_than_are_set_aside(text: str) -> None:
    assert most_read(Ask(chat=user(text))) >= len(text.encode("utf-8", "replace"))


@pytest.mark.parametrize("budget", [Budget(queries=0), Budget(tokens=0)])
def test_a_budget_of_nothing_starts_no_play(budget: Budget) -> None:
    def working() -> Play:
        raise AssertionError("this work is for nothing")
        yield []

    done = table()
    done.budget = budget
    played = Played(goal("a"), "a", working(), 3)
    done.run([played])
    assert played.cut
    assert not done.attempts
    assert "used up" in done.ended
