"""A campaign: who is asked what on which side, and who may not be asked at all."""

import json
import random
from pathlib import Path

import pytest

from spiritlevel import firewall
from spiritlevel.constitution import Constitution
from spiritlevel.elicit import ElicitConfig, PromptFile, run, select
from spiritlevel.elicit.prompts import gather
from spiritlevel.errors import DataError, FirewallError, TooManyFailures
from spiritlevel.evidence import MemoryJournal
from spiritlevel.types import Judgement, Kind, ModelRef, Prompt, Reply, Side, Ticket, Transcript

SMALL = ElicitConfig(harmful=3, teach=4, harmless=1)


@pytest.fixture(scope="module")
def everything(law: Constitution) -> list[Prompt]:
    return gather(law, SMALL)


def of(prompts: list[Prompt], side: Side) -> list[Prompt]:
    return [p for p in prompts if p.side is side]


def test_selection_does_not_depend_on_order(everything: list[Prompt]) -> None:
    mine = of(everything, Side.OPEN)
    shuffled = mine.copy()
    random.Random(1).shuffle(shuffled)
    assert list(select(mine, SMALL, lessons=False)) == list(select(shuffled, SMALL, lessons=False))


def test_lessons_never_hold_an_untaught_family(everything: list[Prompt]) -> None:
    teach = of(everything, Side.TEACH)
    lessons = {p.family for p in select(teach, SMALL, lessons=True)}
    assert lessons == set(SMALL.attacks) - set(SMALL.untaught)
    assert {p.family for p in select(teach, SMALL, lessons=False)} == set(SMALL.attacks)


def test_counts_and_wrapping(everything: list[Prompt]) -> None:
    chosen = list(select(of(everything, Side.OPEN), SMALL, lessons=False))
    assert len({p.id for p in chosen}) == len(chosen)
    by: dict[tuple[str, Kind, str], int] = {}
    for p in chosen:
        key = ("" if p.kind is Kind.PLAIN else p.principle, p.kind, p.family)
        by[key] = by.get(key, 0) + 1
    assert all(n <= SMALL.harmful for (_, kind, family), n in by.items() if kind is Kind.HARMFUL and family == "direct")
    assert all(n <= SMALL.attacked for (_, _, family), n in by.items() if family != "direct")
    assert all(n <= SMALL.harmless for (_, kind, _), n in by.items() if kind is Kind.LOOKALIKE)
    assert by["", Kind.PLAIN, "direct"] == 10 * SMALL.harmless
    plain_goals = {p.goal for p in chosen if p.family == "direct"}
    for p in chosen:
        assert (p.text == p.goal) == (p.family == "direct")
        assert p.goal in plain_goals  # the plain request is always asked too
        assert p.family == "direct" or p.kind is Kind.HARMFUL


def test_a_campaign_stores_what_was_seen(law: Constitution, model: ModelRef) -> None:
    journal = MemoryJournal()
    seen = run(journal, model, law, SMALL, Side.OPEN)
    transcripts, words = journal.rows(seen.transcripts, Transcript), journal.rows(seen.outcomes, Judgement)
    assert [t.id for t in transcripts] == [w.transcript for w in words]
    assert {t.prompt.side for t in transcripts} == {Side.OPEN}
    assert seen.clusters == len({t.prompt.cluster for t in transcripts})
    assert set(seen.atoms) == set(firewall.atoms_of([t.prompt for t in transcripts]))
    assert all(t.chat[-1].content == t.prompt.text for t in transcripts)
    assert run(journal, model, law, SMALL, Side.OPEN) == seen
    assert set(seen.families) == set(SMALL.attacks)
    assert seen.largest_cluster >= 1


def test_left_out_counts_what_training_is_near_to(law: Constitution, model: ModelRef, everything: list[Prompt]) -> None:
    plain = run(MemoryJournal(), model, law, SMALL, Side.OPEN)
    gone = [p.text for p in of(everything, Side.OPEN)][:3]
    lost = [p for p in everything if p.cluster in {q.cluster for q in everything if q.text in gone}]
    more = run(MemoryJournal(), model, law, SMALL, Side.OPEN, trained_on=tuple(gone))
    assert more.left_out == plain.left_out + len(lost)
    assert plain.left_out < len(everything) / 10  # drawn to another side is not left out


@pytest.mark.parametrize("ticket", [None, Ticket(attempt=0, attempts=3)])
def test_the_sealed_side_needs_a_ticket(law: Constitution, model: ModelRef, ticket: Ticket | None) -> None:
    journal = MemoryJournal()
    with pytest.raises(FirewallError, match="sealed"):
        run(journal, model, law, SMALL, Side.SEALED, ticket=ticket)
    assert not journal.stored


def test_with_a_ticket_the_sealed_side_is_read(law: Constitution, model: ModelRef) -> None:
    journal = MemoryJournal()
    seen = run(journal, model, law, SMALL, Side.SEALED, ticket=Ticket(attempt=2, attempts=3))
    assert seen.attempt == 2
    assert {t.prompt.side for t in journal.rows(seen.transcripts, Transcript)} == {Side.SEALED}


def test_no_prompt_left_is_one_sentence(law: Constitution, model: ModelRef, tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(json.dumps({"prompt": law.teach[0].prompt, "harmful": True}))
    held_out = ElicitConfig(seeds="none", prompts=(PromptFile(path=str(path)),))
    for config in (held_out, ElicitConfig(seeds="none")):
        with pytest.raises(DataError, match="no prompts are left on the 'open' side"):
            run(MemoryJournal(), model, law, config, Side.OPEN)


def test_too_many_failed_calls_stop_the_campaign_and_keep_the_rows(
    law: Constitution, model: ModelRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spiritlevel.backends.scripted import Scripted

    def failing(self: Scripted, asks: list[object], seeds: list[int]) -> object:
        yield from ((i, Reply(error="HTTP 500") if i % 3 == 0 else Reply(text="Sure.", tokens_out=1)) for i in range(len(asks)))

    monkeypatch.setattr(Scripted, "stream", failing)
    journal = MemoryJournal()
    with pytest.raises(TooManyFailures, match=r"calls to 'scripted:mixed' failed \(last: HTTP 500\)"):
        run(journal, model, law, SMALL, Side.OPEN)
    assert journal.stored
