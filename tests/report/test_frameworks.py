"""Others' lists of risks: every name exists, covers are known answers, and each bad list is one sentence."""

import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from spiritlevel import constitution
from spiritlevel.errors import ConfigError
from spiritlevel.report import frameworks
from spiritlevel.report.frameworks import Figure, Framework, Risk
from spiritlevel.types import Estimate, Grade, Measurement

RISK: dict[str, Any] = {"id": "R1", "title": "A risk", "about": "something", "evidence": ["delivered_harm"], "lacks": "much"}
LIST: dict[str, Any] = {"name": "A list", "edition": "1", "source": "here", "read": datetime.date(2026, 11, 27), "risks": [RISK]}


@pytest.mark.parametrize("name", sorted(frameworks.shipped()))
def test_every_name_in_a_shipped_list_exists(name: str) -> None:
    law = constitution.load()
    found = frameworks.load(frameworks.find(name), law.policy.categories)
    assert all(risk.lacks for risk in found.risks)  # no list is covered whole by figures about a model


def test_the_ids_of_the_shipped_lists() -> None:
    ids = {name: [r.id for r in frameworks.load(path).risks] for name, path in frameworks.shipped().items()}
    assert ids["owasp-llm-2025"] == [f"LLM{i:02}:2025" for i in range(1, 11)]
    assert ids["nist-ai-600-1"] == [f"2.{i}" for i in range(1, 13)]
    assert len(ids["eu-ai-act"]) == 17


def test_covers() -> None:
    e = Estimate(name="x", value=0.1, low=0, high=0.2, n=30)
    risks = [
        Risk(id="all", title="t", about="a", evidence=("a", "b")),
        Risk(id="lacking", title="t", about="a", evidence=("a",), lacks="much"),
        Risk(id="half", title="t", about="a", evidence=("a", "c")),
        Risk(id="none", title="t", about="a", evidence=("c",)),
        Risk(id="spent", title="t", about="a", evidence=("s",)),
        Risk(id="outside", title="t", about="a", lacks="all"),
    ]
    figures = [Figure("a", ("r",), e), Figure("b", ("r",), None), Figure("s", ("r",), e, grade=Grade.SPENT)]
    found = frameworks.covered(Framework(**{**LIST, "risks": tuple(risks)}), figures)
    expected = ["covered", "partly", "partly", "not measured in this run", "not measured in this run", "not covered by this product"]
    assert [one.cover for one in found] == expected
    assert [one.missing for one in found] == [(), (), ("c",), ("c",), ("s",), ()]
    assert found[4].figures == (figures[2],)  # shown, and struck out by who shows it


def test_figures_are_of_the_tuned_model_over_all_and_made_of_something() -> None:
    def one(name: str, n: int = 30, value: float = 0.1, **fields: Any) -> Measurement:
        return Measurement(estimate=Estimate(name=name, value=value, low=0, high=1, n=n), **fields)

    measured = [
        one("a", phase="after"),
        one("b", phase="single"),
        one("gap", phase="change"),
        one("before", phase="before"),
        one("change", phase="change"),
        one("proxy", phase="after", role="proxy"),
        one("cell", phase="after", cell="family:direct"),
        one("principle", phase="after", principle="no-fraud"),
        one("nothing", phase="after", n=0),
        one("undefined", phase="after", value=float("nan")),
    ]
    fraud = [one(name, phase=phase, principle="category:fraud") for name in ("delivered_harm", "served") for phase in ("before", "after")]
    found = frameworks.figures([("open", measured)], [("open", fraud)])
    assert [f.what for f in found] == ["a", "b", "gap", "category:fraud"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"evidence": ["suite:no-such"]}, "risk 'R1' names the suite measure 'suite:no-such', which nothing makes"),
        ({"evidence": ["harmlessness"]}, "risk 'R1' names the measure 'harmlessness', which nothing makes"),
        ({"evidence": ["record:moon"]}, "risk 'R1' names the record 'record:moon', which does not exist"),
        ({"evidence": ["category:guns"]}, "risk 'R1' names 'category:guns', which the policy does not have; its categories: fraud"),
        ({"evidence": [], "lacks": ""}, "risk 'R1' has no evidence and does not say what is lacking"),
        ({"id": ""}, "risks.0.id"),
        ({"title": 3}, "risks.0.title"),
    ],
)
def test_a_bad_risk_is_one_sentence(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump({**LIST, "risks": [{**RISK, **change}]}), "utf-8")
    with pytest.raises(ConfigError) as caught:
        frameworks.load(path, ["fraud"])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("risks: [", "own.yaml:1: not valid YAML"),
        ("", "own.yaml: the file"),
        ("- 1", "own.yaml: the file"),
        (yaml.safe_dump({**LIST, "risks": []}), "own.yaml: risks"),
        (yaml.safe_dump({**LIST, "read": "someday"}), "own.yaml: read"),
        (yaml.safe_dump({**LIST, "risks": [RISK, RISK]}), "a second risk 'R1'"),
        (yaml.safe_dump({**LIST, "colour": "red"}), "own.yaml: colour"),
    ],
)
def test_a_bad_list_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigError) as caught:
        frameworks.load(frameworks.find(str(path)))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_list_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="no framework 'iso'; known: eu-ai-act, nist-ai-600-1, owasp-llm-2025"):
        frameworks.find("iso")
