"""The pages of the usage policy and the constitution: every figure names its evidence, and whoever wrote a text, it is inert."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from spiritlevel import report
from spiritlevel.constitution import Category
from spiritlevel.measure.categories import usage
from spiritlevel.release import Given, ReleaseConfig
from spiritlevel.release.governance import govern
from spiritlevel.report import usage as usage_page
from spiritlevel.report.card import escaped
from spiritlevel.types import Circumstances, Governed, Grade, Side, VerdictKind

PAGES = ("usage-policy", "constitution")
HOSTILE = "<script>alert(1)</script> | [x](http://evil.example) \u202egnp"


class Page(HTMLParser):
    """Every tag with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def governed(run: Any, law: Any) -> Governed:
    used = usage(run.journal, run.compared.before, run.tuned, run.compared, law)
    # the fixture's run trained on what its judge is made of: here the figures stand, but for one category that stays struck out
    told = {"grade": Grade.INDEPENDENT, "why_grade": ""}
    free = tuple(m if m.principle == "category:privacy" else m.model_copy(update=told) for m in used.figures)
    used = used.model_copy(update={"figures": free})
    examined = None if run.exam is None else used.model_copy(update={"side": Side.SEALED})
    rests = Given(policy=law.policy, config=ReleaseConfig(), circumstances=Circumstances())
    return Governed(ruled=govern(rests, law, run.tuned, used, examined), used=used, examined=examined)


@pytest.fixture(scope="module", params=[VerdictKind.APPROVED, VerdictKind.UNPROVEN])
def run(request: pytest.FixtureRequest, runs: Any) -> Any:
    return runs[request.param]


@pytest.fixture(scope="module")
def law(run: Any) -> Any:
    """The default one, with a category that nothing tests and whose title is hostile."""
    categories = {**run.law.policy.categories, "untested": Category(title=HOSTILE, action="allow")}
    return run.law.model_copy(update={"policy": run.law.policy.model_copy(update={"categories": categories})})


@pytest.fixture(scope="module")
def told(run: Any, law: Any) -> Governed:
    return governed(run, law)


@pytest.fixture(scope="module")
def pages(run: Any, law: Any, told: Governed) -> dict[str, str]:
    journal, _, *others = run.args
    return report.render(journal, law, *others, governed=told)


@pytest.mark.parametrize("name", PAGES)
def test_every_figure_of_the_page_names_its_evidence(pages: dict[str, str], name: str) -> None:
    text = pages[f"{name}.html"]
    tags = Page(text).tags
    table = text[text.index('id="evidence"') :]
    ids = {attrs["id"] for _, attrs in tags if "id" in attrs}
    figures = [attrs for _, attrs in tags if "num" in (attrs.get("class") or "").split()]
    assert len(figures) > 20
    for attrs in figures:
        named = (attrs["data-evidence"] or "").split()
        assert named
        assert "none" not in named
        assert all(id in table for id in named)
    assert {attrs["href"].removeprefix("#") for _, attrs in tags if (attrs.get("href") or "").startswith("#e")} <= ids


@pytest.mark.parametrize("name", PAGES)
def test_every_interval_of_the_text_stands_in_a_row_that_cites(pages: dict[str, str], name: str) -> None:
    text = pages[f"{name}.md"]
    lines = [line for line in text.splitlines() if re.search(r"\d to [−+]?\d", line)]
    assert len(lines) > 20
    uncited = [line for line in lines if not re.search(r"\[e\d+\]\(#evidence\)", line)]
    assert not [line for line in uncited if "n = " in line]
    assert all("Articles 9 to 15" in line for line in uncited)
    cited = set(re.findall(r"\[(e\d+)\]\(#evidence\)", text))
    assert cited == set(re.findall(r"(?m)^- (e\d+):", text))
    assert "<code>none</code>" not in text


@pytest.mark.parametrize("name", PAGES)
def test_hostile_text_is_inert_and_nothing_is_loaded(pages: dict[str, str], name: str) -> None:
    html, text = pages[f"{name}.html"], pages[f"{name}.md"]
    tags = Page(html).tags
    assert not {tag for tag, _ in tags} & {"script", "img", "iframe", "object", "embed", "link", "base", "form"}
    assert all((attrs.get("href") or "#").startswith("#") for _, attrs in tags)
    assert not [attrs for _, attrs in tags if {"src", "srcset", "action"} & attrs.keys()]
    assert "\u202e" not in html + text
    assert "<script>" not in html + text
    assert "](http" not in text


def test_each_category_is_told_with_its_action_and_reason(pages: dict[str, str], told: Governed) -> None:
    html, text = pages["usage-policy.html"], pages["usage-policy.md"]
    for ruling in told.ruled.rulings[:-1]:
        assert f"### {ruling.title}: {ruling.action}" in text
        assert ruling.title in html
    assert f'<span class="badge {told.ruled.rulings[0].action}"' in html
    assert html.count("Forbidden</dt>") == len(told.ruled.rulings) - 1  # helpfulness forbids nothing


def test_a_spent_figure_is_struck_out(pages: dict[str, str]) -> None:
    privacy = next(line for line in pages["usage-policy.md"].splitlines() if line.startswith("| Intrusion on privacy"))
    assert "~~" in privacy
    assert "spent" in privacy
    assert '<del title="spent' in pages["usage-policy.html"]


def test_a_category_that_no_prompt_tests_says_so_and_is_not_allowed(pages: dict[str, str], told: Governed) -> None:
    last = told.ruled.rulings[-1]
    assert (last.declared, last.action) == ("allow", "escalate")
    row = next(line for line in pages["usage-policy.md"].splitlines() if line.startswith("| &lt;script&gt;"))
    assert "**escalate**" in row
    assert "not measured" in row
    assert "no principle of the constitution says what this category is" in pages["usage-policy.md"]


def test_a_policy_without_categories_says_that_nothing_is_governed(run: Any, told: Governed) -> None:
    bare = run.law.model_copy(update={"policy": run.law.policy.model_copy(update={"categories": {}})})
    empty = told.model_copy(update={"ruled": told.ruled.model_copy(update={"rulings": ()})})
    html, text = usage_page.pages(bare, run.tuned, run.compared, run.inside, run.exam, empty)
    assert "names no category, so nothing is governed" in html
    assert "names no category, so nothing is governed" in text


def test_each_risk_stands_with_its_cover_and_what_is_lacking(pages: dict[str, str], run: Any, told: Governed) -> None:
    text = pages["usage-policy.md"]
    for _, risks in usage_page.coverage(run.tuned, run.compared, run.inside, run.exam, told, ()):
        for one in risks:
            (row,) = [line for line in text.splitlines() if line.startswith(f"| {one.risk.id} ")]
            assert f"| {one.cover} |" in row
            # the first cell names the list that the risk is from
            assert bool(one.figures) == ("(#evidence)" in row.split(" | ", 1)[1])
    lists = usage_page.coverage(run.tuned, run.compared, run.inside, None, told, ())
    covers = {one.risk.id: one.cover for _, risks in lists for one in risks}
    assert covers["LLM01:2025"] == "partly"
    assert covers["LLM07:2025"] == "not covered by this product"
    assert covers["2.4"] == "not measured in this run"  # privacy's only evidence is spent
    assert covers["LLM06:2025"] == "not measured in this run"


def test_the_constitution_has_each_principle_and_each_condition(pages: dict[str, str], run: Any) -> None:
    text, html = pages["constitution.md"], pages["constitution.html"]
    places = [text.index(f"\n## {escaped(p.title)}\n") for p in run.law.principles]
    assert places == sorted(places)
    assert text.count("Not measured by itself in this run.") == sum(
        not any(m.principle == p.id for m in run.compared.measurements) for p in run.law.principles
    )
    for t in run.law.policy.thresholds:
        assert f"| {t.id} |" in text
        assert t.id in html


def test_the_card_links_to_both_pages(pages: dict[str, str]) -> None:
    linked = re.findall(r"\]\(([\w-]+\.md)\)", pages["model-card.md"])
    assert set(linked) == {"usage-policy.md", "constitution.md"}
    assert set(linked) <= set(pages)


def test_equal_evidence_gives_equal_pages(pages: dict[str, str], run: Any, law: Any, told: Governed) -> None:
    journal, _, *others = run.args
    assert report.render(journal, law, *others, governed=told) == pages


def test_sealed_texts_are_never_shown(pages: dict[str, str]) -> None:
    assert not [name for name, text in pages.items() if "the sealed question nobody may read" in text]
