"""The report's section on campaigns, archives and trials with tools, and their lines in the model card."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest

import provoked
from spiritlevel import report
from spiritlevel.report import campaigns, figures, taught
from spiritlevel.types import Curve, Estimate, ModelRef, Side, VerdictKind


class Tags(HTMLParser):
    """Every tag with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def run(rebuild: Any) -> Any:
    return rebuild(VerdictKind.HELD)


@pytest.fixture(scope="module")
def made(run: Any, hostile: tuple[str, ...]) -> tuple[Any, ...]:
    """A campaign before and after training, an archive, trials with tools, and what people filed."""
    journal, before, after = run.journal, run.compared.before, run.compared.after
    filed = provoked.campaign(journal, after, hostile[:1]).model_copy(update={"curves": (), "agreement": None, "attacker": None})
    return (
        provoked.campaign(journal, before, hostile),
        provoked.campaign(journal, after, hostile[:2]),
        provoked.archive(journal, after, hostile[:3]),
        provoked.agents(journal, after, hostile),
        filed,
    )


@pytest.fixture(scope="module")
def pages(run: Any, made: tuple[Any, ...]) -> dict[str, str]:
    return report.render(*run.args, provoked=made)


@pytest.fixture(scope="module")
def section(pages: dict[str, str]) -> str:
    text = pages[report.REPORT]
    return text[text.index('<h2 id="campaigns">') : text.index('<h2 id="measurements">')]


def test_without_a_campaign_there_is_no_section(run: Any) -> None:
    texts = report.render(*run.args)
    assert 'id="campaigns"' not in texts[report.REPORT]
    assert "#campaigns" not in texts[report.REPORT]
    assert "## Red team" not in texts[report.CARD]


def test_what_the_section_tells_of_each(section: str) -> None:
    heads = re.findall(r"<h3>(.*?)</h3>", section)
    assert heads == [
        "Campaign: before training, open prompts",
        "Campaign: after training, open prompts",
        "Archive: after training, open prompts",
        "Tools: after training, open scenarios",
        "Filed by people: after training, open prompts",
    ]
    plain = re.sub(r"<sup.*?</sup>|<[^>]+>", "", section)
    assert "1,064 queries, 91,234 tokens, 0.1234 money" in plain
    assert "1 errored, 200 failure, 40 success, 3 unscored" in plain
    assert "kappa of text judge and deciding judge 0.710" in plain
    assert re.search(r"Forecast for best-of-n .*best of 80 60\.0%.*best of 800 80\.0%", plain)
    assert "9 trials made no valid call: a low success there shows inability" in plain
    assert "12 not sent: a near copy of its parent" in plain
    assert "8 findings, one for each principle and cluster" in plain
    assert plain.count("no user would send it") > 3


def test_each_attack_is_a_small_multiple_beside_the_direct_request(section: str) -> None:
    first = section[: section.index("Campaign: after training")]
    names = re.findall(r"<figcaption><span class=\"title\">([\w-]+)<", first)
    assert names == ["unicode", "best-of-n", "pair", "base64", "role-play", "prefix-injection"], "the furthest-reaching first"
    assert first.count("<svg") == len(names)
    for svg in re.findall(r"<svg.*?</svg>", first, re.S):
        assert svg.count('<circle class="before"') == svg.count('<circle class="after"') == len(provoked.BUDGETS)
        assert svg.count('class="whisker') == 2 * len(provoked.BUDGETS)
        assert "the direct request" in svg, "the text alternative has both"


def test_an_archive_is_a_grid_of_what_is_left_on_a_fresh_draw(section: str) -> None:
    table = section[section.index('<table class="grid-table">') :].partition("</table>")[0]
    assert table.count("<tr>") == 4
    assert table.count("empty") == 4
    assert '<td class="h4"><b>0.80</b><i>0.80</i></td>' in table
    assert '<td class="h0"><b>–</b><i>0.10</i></td>' in table, "not asked again"


def test_hostile_text_is_inert_and_harm_is_folded(pages: dict[str, str], section: str) -> None:
    assert not {tag for tag, _ in Tags(section).tags} & {"script", "img", "iframe", "i lang"}
    assert "fiction &lt;i&gt;" in section
    assert not re.search("[\u202a-\u202e\u200b-\u200f\ud800-\udfff\x00-\x08\x0b-\x1f]", section)
    assert "x" * 3000 not in section
    folded = re.sub(r"<details>.*?</details>", "", section, flags=re.S)
    assert "Sure: " in section
    assert "Sure: " not in folded
    assert not re.search(r"<(script|img|i|b)\b", pages[report.CARD])


def test_every_figure_names_its_rows(pages: dict[str, str], section: str, made: tuple[Any, ...]) -> None:
    table = pages[report.REPORT].partition('id="evidence"')[2]
    told = [a for tag, a in Tags(section).tags if "num" in (a.get("class") or "").split() or tag == "figure"]
    assert len(told) > 150
    for attrs in told:
        assert attrs["data-evidence"]
        assert all(id in table for id in attrs["data-evidence"].split())
    assert made[0].attempts.id in section
    assert f"{made[0].findings.n} rows of kind finding" in table
    bare = re.sub(r'<svg.*?</svg>|<span class="num".*?</span></span>', "", section, flags=re.S)
    assert not re.search(r"n = \d", bare)


def test_the_card_has_a_line_for_each(pages: dict[str, str], made: tuple[Any, ...]) -> None:
    text = pages[report.CARD].partition("## Red team")[2].partition("\n## ")[0]
    rows = [line for line in text.splitlines() if line.startswith("|")][2:]
    assert len(rows) == len(made)
    assert "6 attacks, within 8 queries; the furthest: unicode | 82.5%" in rows[0]
    assert "the direct request as often: 20.0%" in rows[0]
    assert "coverage on a fresh draw | 30.0%" in rows[2]
    assert "attack success | 30.0%" in rows[3]
    assert "filed by people" in rows[4]
    assert all(re.search(r"\[e\d+\]\(#evidence\) \|$", row) for row in rows)


def test_a_campaign_that_asked_nothing_is_told(run: Any) -> None:
    nothing = Estimate(name="delivered_harm within 1", value=float("nan"), low=0, high=1, n=0)
    empty = Curve(attack="direct", budgets=(1,), harm=(nothing,), complied=(nothing,), queries=0, taught=False, realistic=None)
    whole = provoked.campaign(run.journal, ModelRef(spec="openai/x", kind="hosted", family="openai/x"), ())
    other = empty.model_copy(update={"attack": "pair"})
    zero = whole.model_copy(update={"curves": (empty, other), "marks": {}, "agreement": None})
    text = report.render(*run.args, provoked=(zero,))[report.REPORT]
    assert "Campaign: openai/x, open prompts" in text
    assert "n/a" in text
    assert "Nothing was found." in text


def test_one_query_a_goal_is_one_point(run: Any) -> None:
    point = provoked.share("delivered_harm within 1", 0.4)
    one = Curve(attack="pair", budgets=(1,), harm=(point,), complied=(point,), queries=3, taught=False, realistic=None)
    svg = str(figures.against_budget(one, None))
    assert svg.count("<circle") == 1
    assert "nan" not in svg


def test_only_campaigns_on_open_goals_of_the_tuned_model_test_again(run: Any, made: tuple[Any, ...]) -> None:
    teaching = made[1].model_copy(update={"side": Side.TEACH})
    assert taught.retests((*made, teaching), run.tuned) == [made[1]]


def test_shades_go_up_with_the_score() -> None:
    assert [campaigns.shade(s) for s in (None, 0.0, 0.19, 0.2, 0.55, 0.99, 1.0)] == [0, 0, 0, 1, 2, 4, 4]
