"""Scenarios lie on a side as prompts do; what tests never teaches, and what was taught tests nothing."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from spiritlevel import backends, constitution, elicit, firewall
from spiritlevel.constitution import Constitution
from spiritlevel.elicit import AgentsConfig, ElicitConfig, taught
from spiritlevel.elicit.tools.scenario import Scenario, load
from spiritlevel.elicit.tools.sides import request, sided
from spiritlevel.errors import ConfigError, DataError, MissingStage
from spiritlevel.evidence import MemoryJournal, open_run
from spiritlevel.types import Agents, Finding, Kind, Lineage, Prompt, Side, Use

SHARES = (0.6, 0.25, 0.15)
NO_PROMPTS = ElicitConfig(seeds="none")


@pytest.fixture(scope="module")
def law() -> Constitution:
    return constitution.load()


def undeclared(scenarios: Sequence[Scenario]) -> list[Scenario]:
    return [one.model_copy(update={"side": None}) for one in scenarios]


def test_the_shipped_ones_are_published_and_open(shipped: tuple[Scenario, ...], law: Constitution) -> None:
    placed = sided(shipped, law, [], (), SHARES)
    assert placed.keys() == {one.id for one in shipped}, "none is near a taught example"
    assert {p.side for p in placed.values()} == {Side.OPEN}


def test_a_side_is_drawn_by_the_clusters_hash_as_for_prompts(shipped: tuple[Scenario, ...], law: Constitution) -> None:
    placed = sided(undeclared(shipped), law, [], (), SHARES)
    assert {p.side for p in placed.values()} == set(Side), "all sides get some"
    assert all(p.side is firewall.side_of(p.cluster, SHARES) for p in placed.values())
    few = sided(undeclared(shipped[:3]), law, [], (), SHARES)
    assert all(few[name].side is placed[name].side for name in few if few[name].cluster == placed[name].cluster)


def test_what_is_near_taught_material_is_no_test(shipped: tuple[Scenario, ...], law: Constitution) -> None:
    one, *others = shipped
    near = f"{request(one).goal.rstrip('.')}!"
    assert one.id not in sided(shipped, law, [], (near,), SHARES), "declared open, and spent"
    assert sided(undeclared(shipped), law, [], (near,), SHARES)[one.id].side is Side.TEACH
    prompt = Prompt(id="p", text=near, goal=near, principle=one.principle, kind=Kind.HARMFUL, side=Side.TEACH)
    placed = sided(shipped, law, [prompt], (), SHARES)
    assert one.id not in placed
    assert {other.id for other in others} <= placed.keys()


def played(spec: str, scenarios: Sequence[Scenario], journal: MemoryJournal, **config: Any) -> Agents:
    return elicit.agents(journal, backends.resolve(spec), constitution.load(), AgentsConfig(**config), tuple(scenarios), NO_PROMPTS)


def test_only_scenarios_of_the_side_are_played(shipped: tuple[Scenario, ...], actors: Any, law: Constitution, tmp_path: Path) -> None:
    spec = actors.script(tmp_path / "o.yaml", shipped, obeys=True)
    placed = sided(undeclared(shipped), law, [], (), NO_PROMPTS.shares)
    for side in (Side.OPEN, Side.TEACH):
        journal = MemoryJournal()
        found = played(spec, undeclared(shipped), journal, side=side)
        mine = {name for name, p in placed.items() if p.side is side}
        assert found.played == 2 * len(mine)
        assert (found.side, found.left_out) == (side, len(shipped) - len(mine))
        findings = journal.rows(found.findings, Finding)
        assert {f.shortest.goal.side for f in findings} == {side}
    with pytest.raises(DataError, match="no scenario is left on the 'teach' side"):
        played(spec, shipped, MemoryJournal(), side=Side.TEACH)
    with pytest.raises(ValueError, match="read by release alone"):
        AgentsConfig(side=Side.SEALED)


def test_what_training_saw_is_left_out_of_a_test(shipped: tuple[Scenario, ...], actors: Any, tmp_path: Path) -> None:
    spec = actors.script(tmp_path / "o.yaml", shipped, obeys=True)
    ref, journal = backends.resolve(spec), MemoryJournal()
    (atom, *_) = firewall.atoms_of([request(shipped[0])])
    journal.record(Lineage(weights=ref.key, body=ref.key, uses=(Use(model=ref.key, atom=atom, how="train"),), history="known"))
    found = played(spec, shipped, journal)
    assert (found.left_out, found.played) == (1, 2 * (len(shipped) - 1))


def test_a_finding_of_an_open_scenario_never_teaches(shipped: tuple[Scenario, ...], actors: Any, law: Constitution, tmp_path: Path) -> None:
    spec = actors.script(tmp_path / "o.yaml", shipped, obeys=True)
    with open_run(tmp_path, "tools", "one", "{}") as evidence:
        found = evidence.step(elicit.agents, backends.resolve(spec), law, AgentsConfig(), shipped[:2], NO_PROMPTS)
        assert [type(value) for value in elicit.provoked(evidence)] == [Agents]
    with open_run(tmp_path, "next", "two", "{}") as evidence:
        with pytest.raises(ConfigError, match="which tests and never teaches"):
            taught.lessons(evidence, [f"tools@{found.findings.id}"], law)
        with pytest.raises(MissingStage, match="no campaign yet"):
            taught.lessons(evidence, ["tools"], law)


@pytest.mark.parametrize("side", ["sealed", "closed"])
def test_a_side_that_is_none_is_one_sentence(tmp_path: Path, side: str) -> None:
    from spiritlevel.elicit.tools.scenario import SCENARIOS

    text = (SCENARIOS / "mail-plain-order.md").read_text("utf-8").replace("side: open", f"side: {side}")
    (tmp_path / "mail-plain-order.md").write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=f"side '{side}'; use open or teach"):
        load("all", str(tmp_path), ["protects-privacy"])


def test_a_file_may_leave_its_side_out(tmp_path: Path) -> None:
    from spiritlevel.elicit.tools.scenario import SCENARIOS

    head = yaml.safe_load((SCENARIOS / "mail-plain-order.md").read_text("utf-8").split("---")[1])
    assert head["side"] == "open"
    text = (SCENARIOS / "mail-plain-order.md").read_text("utf-8").replace("side: open\n", "")
    (tmp_path / "mail-plain-order.md").write_text(text, "utf-8")
    (one,) = load("all", str(tmp_path), ["protects-privacy"])
    assert one.side is None
