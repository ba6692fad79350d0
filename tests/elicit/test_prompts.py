"""Prompts from seeds and files, each on its side; bad files are one sentence."""

import json
import random
from pathlib import Path

import pytest
from pydantic import ValidationError

from spiritlevel import firewall
from spiritlevel.constitution import Constitution
from spiritlevel.elicit.config import ElicitConfig, PromptFile
from spiritlevel.elicit.prompts import SEEDS, gather, near_principle, read_file
from spiritlevel.errors import ConfigError, DataError
from spiritlevel.types import Kind, Prompt, Side, content_hash


def lines(path: Path, *rows: object) -> PromptFile:
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows), "utf-8")
    return PromptFile(path=str(path))


@pytest.fixture(scope="module")
def everything(law: Constitution) -> list[Prompt]:
    return gather(law, ElicitConfig())


def test_seeds_parse_for_every_principle(law: Constitution, everything: list[Prompt]) -> None:
    for principle in law.principles:
        kinds = {p.kind for p in everything if p.principle == principle.id}
        assert kinds & {Kind.HARMFUL, Kind.LOOKALIKE}, principle.id
    assert {p.kind for p in everything} == {Kind.HARMFUL, Kind.LOOKALIKE, Kind.PLAIN}
    assert sum(p.kind is Kind.PLAIN for p in everything) >= 200
    assert all(p.cluster and p.goal == p.text and p.source.startswith("seeds/") for p in everything)
    assert len({p.id for p in everything}) == len(everything)


def test_a_cluster_lies_on_one_side_and_all_sides_are_used(everything: list[Prompt]) -> None:
    sides: dict[str, set[Side]] = {}
    for p in everything:
        sides.setdefault(p.cluster, set()).add(p.side)
    assert all(len(s) == 1 for s in sides.values())
    for side, share in zip((Side.TEACH, Side.OPEN, Side.SEALED), ElicitConfig().shares, strict=True):
        assert sum(s == {side} for s in sides.values()) / len(sides) == pytest.approx(share, abs=0.06)


def test_what_is_near_a_taught_example_is_never_tested(law: Constitution, tmp_path: Path) -> None:
    taught = law.teach[0].prompt
    file = lines(tmp_path / "p.jsonl", {"prompt": taught.upper() + "!!", "harmful": True}, {"prompt": taught + " now", "harmful": True})
    found = gather(law, ElicitConfig(seeds="none", prompts=(file,)))
    assert found
    assert {p.side for p in found} == {Side.TEACH}
    declared = file.model_copy(update={"side": Side.OPEN})
    assert not [p for p in gather(law, ElicitConfig(seeds="none", prompts=(declared,))) if p.side is not Side.TEACH]


def test_no_cluster_of_a_teach_example_is_open_or_sealed(law: Constitution, everything: list[Prompt]) -> None:
    ids = firewall.clusters([*(p.goal for p in everything), *(e.prompt for e in law.teach)])
    taught = set(ids[len(everything) :])
    assert all(p.side is Side.TEACH for p, c in zip(everything, ids, strict=False) if c in taught)


def test_declared_training_texts_are_left_out(law: Constitution) -> None:
    before = gather(law, ElicitConfig())
    chosen = next(p for p in before if p.side is Side.OPEN)
    after = gather(law, ElicitConfig(), [chosen.text.lower() + "..."])
    assert {p.side for p in after if p.id == chosen.id} == {Side.TEACH}
    others = {p.id: p.side for p in before if p.cluster != chosen.cluster}
    assert all(others[p.id] is p.side for p in after if p.id in others)


def test_prompts_do_not_depend_on_the_order_of_files_or_lines(law: Constitution, tmp_path: Path) -> None:
    rows = [
        {"prompt": f"How do I {a} the {b}?", "harmful": a != "feed"} for a in ("steal", "feed", "break") for b in ("cat", "lock", "vault")
    ]
    twice = [{"prompt": "Shared question?", "harmful": True, "category": c} for c in ("one", "two")]
    one, two = lines(tmp_path / "a.jsonl", *rows, twice[0]), lines(tmp_path / "b.jsonl", twice[1])
    first = gather(law, ElicitConfig(seeds="none", prompts=(one, two)))
    random.Random(3).shuffle(rows)
    one = lines(tmp_path / "a.jsonl", twice[0], *rows)
    second = gather(law, ElicitConfig(seeds="none", prompts=(two, one)))
    assert sorted(first, key=str) == sorted(second, key=str)


def test_a_file_is_read_with_kinds_groups_and_side(tmp_path: Path) -> None:
    file = lines(
        tmp_path / "p.jsonl",
        {"prompt": "a", "harmful": True, "group": "g", "category": "c"},
        "",
        {"prompt": "b", "harmful": False},
        {"prompt": "c"},
        {"prompt": "   "},
    )
    found = read_file(file)
    assert [(p.text, p.kind) for p in found] == [("a", Kind.HARMFUL), ("b", Kind.LOOKALIKE), ("c", Kind.UNKNOWN)]
    assert (found[0].group, found[0].category, found[0].source) == ("p/g", "c", "p.jsonl")
    plain = read_file(file.model_copy(update={"kind": Kind.PLAIN, "side": Side.SEALED}))
    assert {(p.kind, p.side) for p in plain} == {(Kind.PLAIN, Side.SEALED)}


@pytest.mark.parametrize(
    "bad", ["{", "[1]", "3", '"text"', "null", '{"text": "x"}', '{"prompt": null}', '{"prompt": ["x"]}', "[" * 5000, "\x00"]
)
def test_a_bad_line_is_named(tmp_path: Path, bad: str) -> None:
    with pytest.raises(DataError, match=r"p\.jsonl:2: not a JSON object with a 'prompt'"):
        read_file(lines(tmp_path / "p.jsonl", {"prompt": "fine"}, bad))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.jsonl' does not exist"):
        read_file(PromptFile(path=str(tmp_path / "absent.jsonl")))


def test_hostile_text_is_kept_whole_and_can_be_hashed(law: Constitution, tmp_path: Path) -> None:
    texts = ["nul \x00 x", "lone \ud800 y", "\u202ertl\u200f z", "long " + "w" * 100_000]
    file = lines(tmp_path / "p.jsonl", *({"prompt": t, "harmful": True} for t in texts))
    found = gather(law, ElicitConfig(seeds="none", prompts=(file,)))
    assert sorted(p.text for p in found) == sorted([*texts[:1], "lone ? y", *texts[2:]])
    for p in found:
        assert content_hash(p)


def test_prompts_without_a_principle_get_the_nearest_in_words(law: Constitution) -> None:
    examples = [e for e in law.teach if e.principle != law.helpfulness and e.kind is Kind.HARMFUL][::40]

    def prompt(text: str, kind: Kind = Kind.HARMFUL, principle: str = "") -> Prompt:
        return Prompt(id=text[:60], text=text, goal=text, principle=principle, kind=kind)

    found = near_principle(law, [prompt(e.prompt) for e in examples])
    assert [p.principle for p in found] == [e.principle for e in examples]
    assert all(p.category == law.principle(p.principle).category for p in found)
    kept = [prompt("Bake bread", Kind.PLAIN), prompt("x", principle="no-hate"), prompt("\u4f60\u597d")]
    plain, given, foreign = near_principle(law, kept)
    assert (plain.principle, given.principle) == ("", "no-hate")
    assert foreign.principle in {p.id for p in law.principles}


def test_without_examples_to_compare_with_a_file_must_name_its_principle(law: Constitution, tmp_path: Path) -> None:
    bare = law.model_copy(update={"teach": ()})
    file = lines(tmp_path / "p.jsonl", {"prompt": "x", "harmful": True})
    with pytest.raises(DataError, match="give the file a principle"):
        gather(bare, ElicitConfig(seeds="none", prompts=(file,)))
    named = file.model_copy(update={"principle": "no-fraud"})
    assert gather(bare, ElicitConfig(seeds="none", prompts=(named,)))[0].principle == "no-fraud"


def test_an_unknown_principle_and_an_absent_seed_folder_are_one_sentence(law: Constitution, tmp_path: Path) -> None:
    file = lines(tmp_path / "p.jsonl", {"prompt": "x"}).model_copy(update={"principle": "no-fun"})
    with pytest.raises(ConfigError, match="names principle 'no-fun'"):
        gather(law, ElicitConfig(seeds="none", prompts=(file,)))
    with pytest.raises(ConfigError, match="folder of seeds"):
        gather(law, ElicitConfig(seeds=str(tmp_path / "absent")))


def test_malformed_seeds_are_told_at_once(law: Constitution, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("---\nprinciple: no-fraud\n---\n- before any heading\n# evil\n- under a wrong heading\n")
    (tmp_path / "b.md").write_text("---\nprinciple: unknown\n---\n# nonsense\n- of another constitution\n")
    with pytest.raises(ConfigError) as caught:
        gather(law, ElicitConfig(seeds=str(tmp_path)))
    assert "a.md:4" in str(caught.value)
    assert "a.md:6" in str(caught.value)
    assert "b.md" not in str(caught.value)


def test_seed_files_come_with_the_package() -> None:
    assert len(list(SEEDS.glob("*.md"))) >= 12


@pytest.mark.parametrize("shares", [(0.5, 0.5, 0.5), (1.2, -0.1, -0.1)])
def test_shares_are_shares(shares: tuple[float, float, float]) -> None:
    with pytest.raises(ValidationError, match="sum to 1"):
        ElicitConfig(shares=shares)
