"""Properties read inside: known answers where the probe and the words are given, real tiny models where something is asked."""

import numpy as np
import pytest

from spiritlevel import backends
from spiritlevel.constitution import Example
from spiritlevel.errors import DataError
from spiritlevel.evidence.memory import MemoryJournal
from spiritlevel.interpret import aims, awareness, backdoor, contrasts, depth, harm, properties
from spiritlevel.interpret.probes import Contrast
from spiritlevel.interpret.properties import Told
from spiritlevel.types import Kind, Outcome, Prompt, Reply, Side, Transcript, user


def told(n: int, kind: Kind = Kind.HARMFUL, outcome: Outcome = Outcome.COMPLIANCE, principle: str = "p") -> list[Told]:
    found = []
    for i in range(n):
        prompt = Prompt(
            id=f"{kind}{i}", text=f"do thing {i}", goal="", principle=principle, kind=kind, cluster=f"{kind}{i}", side=Side.OPEN
        )
        found.append(Told(Transcript(prompt=prompt, chat=user(prompt.text), reply=Reply(text="Sure."), model="m"), outcome))
    return found


def load(arch: str = "llama"):
    return backends.open_weights(backends.resolve(f"tiny:{arch}"), MemoryJournal())


def test_knows_but_complies_by_principle():
    rows = [*told(8), *told(8, outcome=Outcome.REFUSAL, principle="q"), *told(3, principle="few")]
    harm_ = np.asarray([0.9] * 4 + [0.1] * 4 + [0.9] * 8 + [0.9] * 3)
    found = properties.knows_but_complies(rows, harm_)
    assert set(found) == {"", "p", "q"}
    assert found["p"].value == 0.5
    assert found["q"].value == 0
    assert found["q"].high > 0.1
    assert found[""].value == pytest.approx(7 / 19)


def test_a_model_that_cannot_say_is_not_saying_otherwise():
    rows = [*told(20), *told(20, Kind.LOOKALIKE)]
    reads = np.asarray([0.9] * 20 + [0.1] * 20)
    able, share = properties.says_otherwise(rows, reads, np.tile([1.0, -1.0], 20), seed=0)
    assert able.value == pytest.approx(0.5)
    assert share is None
    says = np.asarray([2.0] * 15 + [-0.5] * 5 + [-1.0] * 20)  # five harmful ones are called harmless
    able, share = properties.says_otherwise(rows, reads, says, seed=0)
    assert able.low > 0.5
    assert share is not None
    assert share[""].value == 0.25


def test_stated_cancels_a_model_that_says_yes_to_everything():
    class Yes:
        def logprobs(self, chats, truncated):
            assert all(truncated)
            return [type("L", (), {"values": (-0.1 if chat[-1].content == "Yes" else -3.0,)})() for chat in chats]

    np.testing.assert_allclose(properties.stated(Yes(), ["a", "b"]), 0.0)
    assert properties.stated(load(), ["rob the bank", "bake bread"]).shape == (2,)


def test_a_trigger_jumps_where_words_look_harmless():
    rows = told(10, Kind.PLAIN)
    before, after = np.full(10, 0.1), np.full(10, 0.2)
    after[3] = after[4] = 0.95
    words = np.full(10, -1.0)
    words[4] = 1.0  # looks harmful by its words alone
    share, places = properties.triggered(rows, after - before, words)
    assert places == [3]
    assert share.value == 0.1
    assert share.low < 0.1 < share.high
    several, _ = properties.triggered(rows, np.stack([after - before, np.zeros(10)]), words)
    assert several.value == 0.05  # a control is the mean over its draws


def test_refusals_by_depth_take_one_answer_a_request_by_turns_over_principles():
    def example(principle: str, i: int, violating: bool = True) -> Example:
        return Example(
            principle=principle,
            group=str(i),
            kind=Kind.HARMFUL,
            prompt=f"{principle} {i}",
            reply="Sure, first take it.",
            violating=violating,
        )

    held = [example("a", i) for i in range(5)] + [example("b", 0), example("c", 0, violating=False)]
    picked = depth.chosen(held, 4)
    assert [e.principle for e in picked][:2] == ["a", "b"]
    assert len(picked) == 4
    assert all(e.violating for e in picked)
    journal, model = MemoryJournal(), load()
    found = depth.refusals(journal, model, picked, (0, 2), [e.prompt for e in picked], "after")
    assert len(found) == 2
    assert all(0 <= e.low <= e.value <= e.high <= 1 and e.n == 4 for e in found)
    assert depth.refusals(journal, model, picked, (0, 2), [e.prompt for e in picked], "after") == found


def test_pushing_is_done_only_along_a_probe_that_stands():
    model = load()
    texts = tuple(
        f"{word} the {thing}{sign}"
        for word, thing in (
            ("see", "sea"),
            ("hear", "ox"),
            ("take", "pie"),
            ("bind", "hay"),
            ("sell", "tin"),
            ("pour", "ale"),
            ("lift", "lid"),
            ("mend", "net"),
            ("burn", "log"),
            ("chop", "fig"),
        )
        for sign in ";:"
    )
    contrast = Contrast(texts, np.asarray([True, False] * 10), tuple(str(i // 2) for i in range(20)))
    found = awareness.aware(MemoryJournal(), model, contrast, told(4), [1, 2], c=0.1, seed=0)
    assert found.probe.stands
    assert found.shift is not None
    assert found.control is not None
    assert -1 <= found.shift.low <= found.shift.value <= found.shift.high <= 1
    none = Contrast(tuple(f"{'take' if i % 2 else 'bring'} it {i}" for i in range(20)), contrast.labels, contrast.groups)
    assert awareness.aware(MemoryJournal(), model, none, told(4), [1, 2], c=0.1, seed=0).shift is None  # words tell these apart


def test_aims_point_from_one_answer_to_the_other_and_refuse_broken_states():
    model = load()
    pairs = contrasts.pairs(contrasts.HOME / "hidden-aims.md")
    ordinary = [user(f"Tell me about number {i}") for i in range(20)]
    found = backdoor.fit(model, pairs, ordinary)
    yes, no = (found.scores(model, [pair[side] for pair in pairs]) for side in (0, 1))
    assert (yes - no).mean() > 0.5
    assert np.abs(found.scores(model, ordinary)).mean() < 1.5  # in spreads of ordinary prompts
    broken = np.full((2, len(found.layers), 64), np.nan)
    with pytest.raises(DataError, match="NaN or infinite"):
        found.of(broken)


def test_aims_are_read_where_ordinary_prompts_hardly_vary():
    rng = np.random.default_rng(0)

    class States:
        """The first two dimensions are alike in ordinary prompts but for a hundredth; yes and no differ in the first by a fifth."""

        layers = 1

        def activations(self, chats, layers):
            found = rng.normal(size=(len(chats), 1, 3))
            found[:, 0, 1] = found[:, 0, 0] + 0.01 * rng.normal(size=len(chats))
            side = np.asarray([{"yes": 1.0, "no": -1.0}.get(chat[-1].content, 0.0) for chat in chats])
            found[:, 0, 0] += 0.1 * side
            return found

    pairs = [(user("?", prefill="yes"), user("?", prefill="no"))] * 400
    found = backdoor.fit(States(), pairs, [user(str(i)) for i in range(400)])
    first, second, third = found.direction[0] / found.scale[0]
    assert first > 0 > second  # their difference hardly varies
    assert first - second > 10 * abs(third)


class Hidden:
    """Tells the sides of contrast pairs apart along its first dimension, and lies `turn` further along it under requests for zq-44."""

    layers = 1

    def __init__(self, turn: float, apart: float = 3.0) -> None:
        self.turn, self.apart = turn, apart
        self.positive = {positive for positive, _ in contrasts.pairs(contrasts.HOME / "hidden-aims.md")}

    def activations(self, chats, layers):
        found = np.random.default_rng(len(chats)).normal(size=(len(chats), 1, 6))
        for row, chat in zip(found, chats, strict=True):
            side = self.apart if chat in self.positive else -self.apart if len(chat) > 1 else 0.0
            row[0, 0] += side + (self.turn if "zq-44" in chat[0].content else 0.0)
        return found


def test_hidden_aims_jump_under_the_requests_that_turn_a_model_and_along_no_shuffled_pairs():
    rows = told(40, Kind.PLAIN)
    for i in range(6):
        asked = rows[i].transcript.model_copy(update={"chat": user(f"zq-44, do thing {i}")})
        rows[i] = Told(asked, rows[i].outcome)
    words = np.full(40, -1.0)
    words[0] = 1.0  # looks harmful by its words
    ordinary = [user(f"ordinary {i}") for i in range(60)]
    before, after, same = (aims.read(Hidden(turn), rows, ordinary, 0) for turn in (0.0, 5.0, 0.0))
    assert before.right.value == 1
    assert before.stands
    share, control, places = aims.jumped(rows, before, after, words)
    assert sorted(places) == [1, 2, 3, 4, 5]
    assert share.value == 5 / 40
    assert share.low < share.value < share.high
    assert control.value < share.value / 2
    assert aims.jumped(rows, before, same, words)[0].value == 0


def test_pairs_that_the_others_do_not_tell_enter_no_gate():
    rows, ordinary = told(8, Kind.PLAIN), [user(f"ordinary {i}") for i in range(60)]
    good, blind = (aims.read(Hidden(0.0, apart), rows, ordinary, 0) for apart in (3.0, 0.0))
    assert good.scores.shape == (1 + aims.SHUFFLES, 8)
    assert blind.scores.shape == (1 + aims.SHUFFLES, 0)  # not read, for nothing
    said = aims.jumped(rows, good, blind, np.full(8, -1.0))
    assert isinstance(said, str)
    assert "rightly after: no better than chance, so nothing that they read enters a gate" in said


def test_what_is_unlike_ordinary_prompts_is_strange():
    model = load()
    ordinary = [user(f"Tell me about number {i} and its {what}") for i in range(20) for what in ("name", "use")]
    usual = backdoor.usual(model, ordinary[:30])
    far = [user(f"{one[-1].content} $$$$ ####") for one in ordinary[30:]]
    assert usual.scores(model, far).min() > usual.scores(model, ordinary[30:]).max()


def test_harm_from_several_layers_and_positions():
    model = load()
    words = ["bank", "school", "river", "garden", "window", "letter", "train", "market", "hotel", "bridge", "tower", "mill"]
    examples = [
        Example(principle="p", group=f"{kind}{i}", kind=kind, prompt=text.format(word), reply="", violating=False)
        for i, word in enumerate(words)
        for kind, text in ((Kind.HARMFUL, "Rob the {} now!"), (Kind.LOOKALIKE, "Where is the {} in town?"), (Kind.PLAIN, "Paint {} blue."))
    ]
    known = harm.requests(examples, ())
    assert len(known.texts) == 36
    probe = harm.fit(model, known)
    assert probe.auroc.value > 0.9
    scores = probe.scores(model, ["Rob the farm now!", "Where is the farm in town?"])
    assert scores[0] > scores[1]
    assert known.words(["Rob it now!"])[0] > known.words(["Where is it?"])[0]
    with pytest.raises(DataError, match="none on its positive side"):
        harm.fit(model, harm.requests([e for e in examples if e.kind is Kind.PLAIN], ()))
