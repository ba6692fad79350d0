"""A folder becomes a Constitution, or a list of every fault of form in it."""

import ast
from collections import Counter
from pathlib import Path

import pytest

from spiritlevel import constitution, firewall
from spiritlevel.constitution import certify
from spiritlevel.constitution.check import check
from spiritlevel.errors import ConstitutionError
from spiritlevel.types import Kind

SOURCE = Path(constitution.__file__).parents[1]


def faults_of(folder: Path) -> list[str]:
    with pytest.raises(ConstitutionError) as caught:
        constitution.load(folder)
    return caught.value.faults


def test_the_default_constitution_holds_what_was_asked() -> None:
    law, faults = check()
    assert faults == []
    assert law is not None
    assert law == constitution.load()
    assert len(law.principles) >= 12
    assert {"near", "long"} <= {p.horizon for p in law.principles}
    assert law.helpfulness is not None
    both = [*law.teach, *certify.load()]
    for principle in law.principles:
        mine = [e for e in both if e.principle == principle.id]
        assert sum(e.violating for e in mine) >= 16, principle.id
        assert sum(not e.violating for e in mine) >= 16, principle.id
        assert sum(n == 2 for n in Counter(e.prompt for e in mine).values()) >= 4, principle.id
        assert any(e.kind is Kind.LOOKALIKE for e in mine), principle.id
        assert len(principle.openings) >= 4, principle.id
        assert principle.category in law.policy.categories


def test_the_halves_of_the_default_share_no_cluster() -> None:
    teach, held = constitution.load().teach, certify.load()
    ids = firewall.clusters([e.prompt for e in (*teach, *held)], [e.group for e in (*teach, *held)])
    assert not set(ids[: len(teach)]) & set(ids[len(teach) :])


def test_training_is_given_nothing_of_the_certify_half(folder: Path) -> None:
    for where in (None, folder):
        dumped = constitution.load(where).model_dump_json()
        held = certify.load(where)
        assert held
        assert all(e.prompt not in dumped and e.group not in dumped for e in held)
        assert "certify" not in dumped
        assert str(folder) not in dumped
        assert str(SOURCE) not in dumped


def test_no_module_of_training_names_the_certify_half() -> None:
    files = sorted((SOURCE / "finetune").rglob("*.py"))
    assert files
    for file in files:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [a.name for a in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{a.name}" for a in node.names]
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "import_module" in file.read_text("utf-8"):
                names = [node.value]
            elif isinstance(node, ast.Attribute):
                names = [node.attr]
            assert not any("certify" in name for name in names), f"{file}:{getattr(node, 'lineno', 0)}"


def test_a_good_folder_loads(folder: Path) -> None:
    law, faults = check(folder)
    assert faults == []
    assert law is not None
    assert [p.id for p in law.principles] == ["alpha", "beta"]
    assert law.principle("beta").openings == ("I can't help with beta.",)
    assert len(law.teach) == 2 * 5 * 4
    assert {e.group for e in law.teach if e.principle == "alpha"} == {f"alpha/t-{w}" for w in ("ant", "bear", "cat", "dog", "eel")}
    with pytest.raises(KeyError):
        law.principle("gamma")


def test_all_faults_are_told_at_once_with_file_and_line(folder: Path) -> None:
    alpha, beta = folder / "principles" / "alpha.md", folder / "principles" / "beta.md"
    alpha.write_text(
        alpha.read_text()
        .replace("title: Does not do alpha\n", "")
        .replace("horizon: near", "horizon: far")
        .replace("priority: 2", "priority: high")
        .replace("category: fraud", "category: [fraud]")
        .replace("source: us", "sauce: us")
        .replace("## Why", "## Wherefore")
        .replace("- I can't", "I can't")
    )
    beta.write_text(beta.read_text().replace("category: fraud", "category: arson"))
    (folder / "policy.yaml").write_text(
        "categories: {fraud: {title: F, action: block}}\nthresholds:\n"
        "  - {id: one, measure: vibes, at_most: 0.1}\n"
        "  - {id: two, measure: kl}\n"
        "  - {id: two, measure: kl, at_most: 1, at_least: 0}\n"
    )
    (folder / "teach" / "alpha.md").write_text(
        "---\nprinciple: alpha\n---\n### violating\nno prompt\n# g\n## harmful without colon\n## harmful: a\n### bad\nx\n"
        "### following\n# g\n## plain: b\n### following\nfine\n"
    )
    (folder / "certify" / "gamma.md").write_text("---\nprinciple: gamma\n---\n")
    found = check(folder)[1]
    how = alpha.read_text().split("\n").index("## How to decline") + 1
    policy, teach = folder / "policy.yaml", folder / "teach" / "alpha.md"
    for start, words in (
        (f"{alpha}:2", "lacks 'title'"),
        (f"{alpha}:2", "horizon 'far'"),
        (f"{alpha}:2", "priority 'high'"),
        (f"{alpha}:2", "field 'category' is a list"),
        (f"{alpha}:2", "unknown field 'sauce'"),
        (f"{alpha}:2", "lacks 'source'"),
        (f"{alpha}:1", "no reason"),
        (f"{alpha}:{how}", "no way to decline"),
        (f"{beta}:2", "category 'arson'"),
        (f"{policy}:3", "unknown measure 'vibes'"),
        (f"{policy}:4", "exactly one of"),
        (f"{policy}:4", "a second threshold 'two'"),
        (f"{teach}:4", "without a prompt"),
        (f"{teach}:7", "is not 'harmful: PROMPT'"),
        (f"{teach}:9", "neither 'violating' nor 'following'"),
        (f"{teach}:11", "empty reply"),
        (f"{teach}:12", "a second group 'g'"),
        (f"{folder / 'certify' / 'gamma.md'}:2", "principle 'gamma' has no file"),
    ):
        assert any(f.startswith(f"{start}: ") and words in f for f in found), (start, words, found)
    # a principle that cannot be read is still a file: its examples are not blamed
    assert not any("teach" in f and "has no file" in f for f in found)
    assert set(faults_of(folder)) <= set(found)


def test_two_principles_with_one_id(folder: Path) -> None:
    text = (folder / "principles" / "alpha.md").read_text()
    (folder / "principles" / "zeta.md").write_text(text)
    found = faults_of(folder)
    assert any("zeta.md:2: a second principle with id 'alpha'" in f for f in found)
    assert any("zeta.md:2: id 'alpha' is not the file's stem 'zeta'" in f for f in found)


@pytest.mark.parametrize("priority", ["0", "6", "true", "1.5", "first"])
def test_priority_is_one_to_five(folder: Path, priority: str) -> None:
    path = folder / "principles" / "alpha.md"
    path.write_text(path.read_text().replace("priority: 2", f"priority: {priority}"))
    assert any("alpha.md:2: priority" in f for f in faults_of(folder))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "categories"),
        ("[]", "policy.yaml:1"),
        ("categories: {}\nthresholds: [", "policy.yaml:2: not valid YAML"),
        ("categories: {}\nthresholds: []\n", "no thresholds"),
        ("categories: {}\nthresholds: []\n", "no categories; a policy that names none governs nothing"),
        ("categories: {x: {title: X, action: warn, at_most: 2}}\nthresholds: []\n", "categories.x.at_most"),
        ("categories: {x: {title: X, action: explode}}\nthresholds: []\n", "categories.x.action"),
        ("categories: {}\nthresholds: []\nconfidence: 2\n", "confidence"),
        ("categories: {}\nthresholds: [{id: a, measure: kl, at_most: 2020-99-99}]\n", "not valid YAML"),
        (
            "categories: {}\nthresholds:\n- id: a\n  at_most: 0.2\n  at_most: 0.9\n",
            "policy.yaml:5: not clear YAML, since 'at_most' stands there twice",
        ),
    ],
)
def test_policy_faults(folder: Path, text: str, words: str) -> None:
    (folder / "policy.yaml").write_text(text)
    assert any(words in f for f in faults_of(folder))


def test_missing_things(folder: Path, tmp_path: Path) -> None:
    (folder / "policy.yaml").unlink()
    assert any("no policy.yaml" in f for f in faults_of(folder))
    for root in (tmp_path / "absent", tmp_path):
        for door in (constitution.load, certify.load, check):
            with pytest.raises(ConstitutionError, match=r"no such folder|no principles/ folder"):
                door(root)
    for half, door in (("teach", constitution.load), ("certify", certify.load)):
        for file in (folder / half).iterdir():
            file.unlink()
        (folder / half).rmdir()
        with pytest.raises(ConstitutionError, match="no such folder; add it"):
            door(folder)


def test_no_principles_at_all(folder: Path) -> None:
    for file in (folder / "principles").iterdir():
        file.unlink()
    assert any("no principle could be read" in f for f in faults_of(folder))


def test_too_few_examples_and_a_scenario_in_both_halves(folder: Path) -> None:
    (folder / "certify" / "alpha.md").write_text((folder / "teach" / "alpha.md").read_text())
    found = check(folder)[1]
    assert any("stands in both halves" in f and "prompt" in f for f in found)
    assert any("group 't-ant' stands in both halves" in f for f in found)
    (folder / "certify" / "alpha.md").write_text("---\nprinciple: alpha\n---\n# z\n## harmful: zebra crossing\n### violating\nx\n")
    found = check(folder)[1]
    assert any("alpha.md:1: principle 'alpha' has 11 violating examples" in f for f in found)
    assert any("has 10 following examples" in f for f in found)
    (folder / "certify" / "alpha.md").unlink()
    assert any("has no examples in certify/" in f for f in check(folder)[1])


def test_a_near_duplicate_across_the_halves_is_a_fault(folder: Path) -> None:
    path = folder / "certify" / "alpha.md"
    path.write_text(path.read_text() + "\n# near\n## harmful: Antantantant, please!\n### violating\nx\n### following\ny\n")
    assert any("is nearly 'antantantant please' of the teach half" in f for f in check(folder)[1])


@pytest.mark.parametrize("value", ['"\\ud800"', '"\\udfff x"'])
def test_a_lone_surrogate_by_escape_is_a_fault_and_drops_nothing_silently(folder: Path, value: str) -> None:
    path = folder / "principles" / "alpha.md"
    path.write_text(path.read_text().replace("protects: people", f"protects: {value}"))
    assert any("alpha.md:6: front matter is not valid YAML" in f for f in faults_of(folder))


@pytest.mark.parametrize("raw", [b"NUL \x00 here", b"surrogate \xed\xa0\x80 here", b"latin \xe9"])
def test_bytes_that_are_no_text_are_faults(folder: Path, raw: bytes) -> None:
    for file in ("principles/alpha.md", "teach/alpha.md"):
        path = folder / file
        path.write_bytes(path.read_bytes() + b"\n" + raw)
    found = faults_of(folder)
    assert sum("not UTF-8 text, or NUL" in f for f in found) == 2


def test_long_and_right_to_left_prose_is_prose(folder: Path) -> None:
    path, strange = folder / "principles" / "alpha.md", "\u202eevil\u202c \u200f " + "x" * 100_000
    path.write_text(path.read_text().replace("Because.", strange), "utf-8")
    assert constitution.load(folder).principle("alpha").why == strange


def test_a_folder_named_like_a_file_is_a_fault(folder: Path) -> None:
    (folder / "principles" / "dir.md").mkdir()
    assert any("dir.md:1: cannot be read" in f for f in faults_of(folder))


def test_a_policy_that_cannot_be_read_is_blamed_on_nothing_else(folder: Path) -> None:
    before = check(folder)[1]
    (folder / "policy.yaml").write_text("categories: [\n")
    after = check(folder)[1]
    assert [fault for fault in after if fault not in before] == [f for f in after if "policy.yaml:" in f]
    assert not any("has no examples" in fault for fault in after)
