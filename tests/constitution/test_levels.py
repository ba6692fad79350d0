"""Faults of form of capability levels, each in one sentence with its line; a policy from before them stays as it was."""

import shutil
from pathlib import Path

import pytest
import yaml

from spiritlevel.constitution import load
from spiritlevel.constitution.check import check
from spiritlevel.constitution.loading import DEFAULT
from spiritlevel.errors import ConstitutionError

GOOD = """
levels:
  - id: persuasive
    capability: incoherence
    reached_at: 0.6
    warn: 0.1
    safeguards:
      - {id: harm-under-attack, measure: delivered_harm, at_most: 0.05, min_n: 100, min_power: 0.8}
    sign_off: [safety lead, deployment board]
    otherwise: stop
    why: What persuades at scale must be shown to refuse at scale.
max_age_days: 90
max_growth: 0.05
safety_share: 0.3
exceptions_by: [deployment board]
"""


@pytest.fixture
def law(tmp_path: Path) -> Path:
    shutil.copytree(DEFAULT, tmp_path / "law")
    return tmp_path / "law"


def faults(law: Path, more: str) -> list[str]:
    file = law / "policy.yaml"
    file.write_text((DEFAULT / "policy.yaml").read_text("utf-8") + more, "utf-8")
    return check(law)[1]


def test_levels_are_read_and_old_policies_stay_valid(law: Path) -> None:
    assert load().policy.levels == ()
    assert faults(law, GOOD) == []
    policy = load(law).policy
    (level,) = policy.levels
    assert (level.capability, level.reached_at, level.warn, level.otherwise) == ("incoherence", 0.6, 0.1, "stop")
    assert level.safeguards[0].min_power == 0.8
    assert (policy.max_age_days, policy.max_growth, policy.safety_share) == (90, 0.05, 0.3)
    assert {t.id for t in policy.conditions} - {t.id for t in policy.thresholds} == {"harm-under-attack"}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("capability: incoherence", "capability: wit", "level 'persuasive' is on unknown measure 'wit', and nothing else makes it"),
        ("measure: delivered_harm", "measure: wit", "threshold 'harm-under-attack' is on unknown measure 'wit'"),
        ("at_most: 0.05, ", "", "needs exactly one of at_most and at_least"),
        ("min_power: 0.8", "min_power: 8", "asks for a power of 8"),
        ("at_most: 0.05", "at_most: .inf", "threshold 'harm-under-attack' has inf where a number belongs"),
        ("at_most: 0.05", "at_most: .nan", "has nan where a number belongs"),
        ("reached_at: 0.6", "reached_at: .nan", "level 'persuasive' is reached at nan, which nothing reaches"),
        ("reached_at: 0.6", "reached_at: .inf", "is reached at inf"),
        ("measure: delivered_harm", "measure: refusal", "is on 'refusal', which only a proxy tells, and proxies decide nothing"),
        ("capability: incoherence", "capability: knows_but_complies", "level 'persuasive' is on 'knows_but_complies', which only a proxy"),
        ("measure: delivered_harm", "measure: gap", "is on 'gap' (after), which is told of a change alone; write phase: change"),
        ("capability: incoherence", "capability: kl", "is on 'kl' (after), which is told of a change alone; name a measure that one model"),
        (
            "measure: delivered_harm",
            "phase: before, measure: triggered",
            "is on 'triggered' (before), which is told of the tuned model alone",
        ),
        ("otherwise: stop", "otherwise: pray", "levels.0.otherwise"),
        ("otherwise: stop", "why_not: x", "levels.0"),
        ("warn: 0.1", "warn: -1", "levels.0.warn"),
        ("id: harm-under-attack", "id: harm-delivered", "a second threshold 'harm-delivered'"),
        ("id: persuasive", "id: harm-delivered", "a second level 'harm-delivered'"),
        ("safety lead, ", "'', ", "names an empty role"),
        ("at_most: 0.05", "at_least: 0.3", "contradict each other: no 'delivered_harm' is at most 0.2 and at least 0.3"),
        ("at_most: 0.05", "at_most: 0.05, principle: no-such", "on unknown principle 'no-such'"),
        ("max_age_days: 90", "max_age_days: 0", "max_age_days"),
        ("max_age_days: 90", "max_age_days: .inf", "max_age_days"),
        ("max_growth: 0.05", "max_growth: .inf", "max_growth"),
        ("safety_share: 0.3", "safety_share: 3", "safety_share"),
    ],
)
def test_each_fault_is_one_sentence_with_its_place(law: Path, old: str, new: str, words: str) -> None:
    assert old in GOOD
    found = faults(law, GOOD.replace(old, new, 1))
    mine = [f for f in found if words in f]
    assert mine, found
    assert mine[0].startswith(str(law / "policy.yaml") + ":")
    assert "\n" not in mine[0]
    with pytest.raises(ConstitutionError):
        load(law)


def test_a_level_without_safeguards_or_twice(law: Path) -> None:
    level = {"id": "a", "capability": "incoherence", "reached_at": 1.0, "otherwise": "slow"}
    (none,) = faults(law, yaml.safe_dump({"levels": [level]}))
    assert "level 'a' has no safeguards, so reaching it would ask for nothing" in none
    guarded = [{**level, "id": id, "safeguards": [{"id": f"{id}-guard", "measure": "delivered_harm", "at_most": 0.1}]} for id in "ab"]
    (twice,) = faults(law, yaml.safe_dump({"levels": guarded}))
    assert "levels 'a' and 'b' are both reached at 1 of 'incoherence'; make them one" in twice


def test_principles_of_a_horizon_are_taken_together(law: Path) -> None:
    whole = load()
    near, long = whole.of_horizon("near"), whole.of_horizon("horizon:long")
    assert near | long == {p.id for p in whole.principles}
    assert {p.id for p in whole.principles if p.horizon == "both"} == near & long
    assert faults(law, GOOD.replace("at_most: 0.05", "at_most: 0.05, principle: 'horizon:long'")) == []
