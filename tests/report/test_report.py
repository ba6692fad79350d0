import re
from html.parser import HTMLParser

import pytest
from huggingface_hub import ModelCard

from spiritlevel import report
from spiritlevel.report import card
from spiritlevel.types import Cost, Inside, Seen, Side, VerdictKind

KINDS = list(VerdictKind)


class Page(HTMLParser):
    """Every tag with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def pages(runs):
    return {kind: report.render(*run.args) for kind, run in runs.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_verdict_is_on_top_with_every_check(pages, runs, kind):
    text = pages[kind][report.REPORT]
    assert (
        text.index(f"<h1>{kind.value.capitalize()}</h1>") < text.index('id="checks"') < text.index('id="gap"') < text.index('id="unknown"')
    )
    assert all(check.threshold in text for check in runs[kind].verdict.checks)


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_text_is_inert(pages, kind):
    text = pages[kind][report.REPORT]
    text.encode("utf-8")
    tags = Page(text).tags
    assert not {tag for tag, _ in tags} & {"script", "img", "iframe", "object", "embed", "link", "base", "form"}
    assert not [name for _, attrs in tags for name in attrs if name.startswith("on")]
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b-\u200f\ud800-\udfff\x00-\x08\x0b-\x1f]", text)
    assert "⟨U+202E⟩" in text
    assert "⟨U+D800⟩" in text
    assert "⟨U+0000⟩" in text
    assert "397 more marks" in text
    assert "more characters]" in text
    assert "x" * 3000 not in text
    assert "{{ 7 * 7 }}" in text


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_requested(pages, kind):
    text = pages[kind][report.REPORT]
    tags = Page(text).tags
    policy = [attrs["content"] for tag, attrs in tags if tag == "meta" and attrs.get("http-equiv") == "Content-Security-Policy"]
    assert policy
    assert policy[0].startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:")
    assert all(attrs["href"].startswith("#") for _, attrs in tags if "href" in attrs)
    assert not [attrs for _, attrs in tags if {"src", "srcset", "action", "xlink:href"} & attrs.keys()]
    assert "url(" not in text
    assert "@import" not in text


@pytest.mark.parametrize("kind", KINDS)
def test_every_figure_names_its_evidence(pages, kind):
    text = pages[kind][report.REPORT]
    tags = Page(text).tags
    ids = {attrs["id"] for _, attrs in tags if "id" in attrs}
    table = text[text.index('id="evidence"') :]
    figures = [attrs for tag, attrs in tags if "num" in (attrs.get("class") or "").split() or tag == "figure"]
    assert len(figures) > 100
    for attrs in figures:
        assert attrs.get("data-evidence"), attrs
        assert all(id in table for id in attrs["data-evidence"].split()), attrs
        assert "none" not in attrs["data-evidence"].split()
    assert {attrs["href"][1:] for tag, attrs in tags if tag == "a"} <= ids
    # whatever looks like a rate with an interval lies in such an element: strip them, and none is left
    bare = re.sub(
        r'<(svg|desc).*?</\1>|<span class="num".*?</span></span>|<span class="small" data-evidence.*?</span>',
        "",
        text,
        flags=re.S,
    )
    assert not re.search(r"n = \d", bare)


@pytest.mark.parametrize("kind", KINDS)
def test_plots_have_alternative_text(pages, kind):
    plots = re.findall(r"<svg[^>]*>.{7}", pages[kind][report.REPORT])
    assert len(plots) > 10
    assert all(('role="img"' in plot and plot.endswith("<title>"[:9])) or "<title>" in plot for plot in plots)


def test_sealed_texts_are_never_shown(pages):
    assert all("nobody may read" not in text for text in pages[VerdictKind.APPROVED].values())


def test_each_attack_is_plotted_after_the_plain_request(pages):
    text = pages[VerdictKind.HELD][report.REPORT]
    heads = re.findall(r'<div class="say">(direct|encoding|role-play)<', text)
    assert heads == ["direct", "encoding", "role-play"]


def test_spent_evidence_is_struck_out(pages):
    text = pages[VerdictKind.HELD]
    assert re.search(r'<del title="spent: model &lt;- critic[^"]*"><span class="num"[^>]*><b>2\.0%', text[report.REPORT])
    assert "~~2.0%" in text[report.CARD]


def test_training_judges_are_refused(pages):
    assert "refused as witnesses" in pages[VerdictKind.HELD][report.REPORT]
    assert "refused as a witness" in pages[VerdictKind.HELD][report.REPORT]


@pytest.mark.parametrize("kind", KINDS)
def test_card_metadata_is_valid(pages, runs, kind):
    loaded = ModelCard(pages[kind][report.CARD], ignore_metadata_errors=False)
    assert loaded.data.license == "apache-2.0"
    assert loaded.data.base_model == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert f"spiritlevel-{kind}" in loaded.data.tags
    results = loaded.data.eval_results
    assert len(results) > 10
    for result in results:
        assert result.metric_args["rows"] != ["none"]
        assert result.metric_args["interval"][0] <= result.metric_value <= result.metric_args["interval"][1]
    assert not [r for r in results if r.metric_args["grade"] == "spent"]
    assert {r.dataset_type for r in results} == {"spiritlevel-open-prompts"} | (
        {"spiritlevel-sealed-prompts"} if runs[kind].exam else set()
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_row_of_the_card_with_a_figure_names_its_evidence(pages, kind):
    text = pages[kind][report.CARD]
    body, _, evidence = text.partition("\n## Evidence")
    rows = [row for row in body.splitlines() if row.startswith("|") and "n = " in row]
    assert len(rows) > 10
    for row in rows:
        cited = re.search(r"\[e(\d+)\]\(#evidence\) \|$", row)
        assert cited, row
        assert f"\n- e{cited[1]}: <code>" in evidence
    assert not re.search(r"<(script|img|b|i)\b", text)
    text.encode("utf-8")


def test_no_licence_or_base_is_claimed_for_models_of_others(runs):
    run = runs[VerdictKind.HELD]
    for spec, base in (("path:/x@1", None), ("hf:org/name@abc", "org/name"), ("openai/gpt", None)):
        compared = run.compared.model_copy(update={"before": run.compared.before.model_copy(update={"spec": spec})})
        text = card.markdown(run.law, run.tuned, compared, run.inside, None, run.verdict, ())
        data = ModelCard(text).data
        assert data.license is None
        assert data.base_model == base


def test_one_blob_and_deterministic(rebuild, runs):
    first, again = runs[VerdictKind.APPROVED], rebuild(VerdictKind.APPROVED)
    cards = [report.write(*run.args) for run in (first, again)]
    assert cards[0] == cards[1]
    assert cards[0].verdict is VerdictKind.APPROVED
    names = {f.name for f in first.journal.path(cards[0].blob).iterdir()}
    assert names >= {report.CARD, report.REPORT, report.SYSTEM, "gap.svg", "constitution.html", "constitution.md"}


def test_costs_are_shown_only_when_given(runs, pages):
    run = runs[VerdictKind.HELD]
    costs = (report.StepCost(step="elicit.run", cost=Cost(tokens_in=1234567, cpu_seconds=61.25)),)
    assert 'id="cost"' not in pages[VerdictKind.HELD][report.REPORT]
    text = report.render(*run.args, costs)[report.REPORT]
    assert "1,234,567" in text
    assert "61.2" in text


def test_prompts_left_out_are_told_when_campaigns_are_given(runs):
    run = runs[VerdictKind.HELD]
    rows = run.journal.put("transcript", [])
    seen = Seen(
        model=run.compared.after, side=Side.OPEN, transcripts=rows, outcomes=rows, prompts=9, clusters=8, largest_cluster=2, left_out=1913
    )
    text = report.render(*run.args, (), (seen,))[report.REPORT]
    assert re.search(r">1,913<.*?open prompts near training data were left out", text)


def test_almost_no_evidence_still_makes_a_report(runs):
    run = runs[VerdictKind.UNPROVEN]
    nothing = run.journal.put("pair", [])
    compared = run.compared.model_copy(update={"measurements": (), "gaps": (), "pairs": nothing, "agreement": (), "instruments": ()})
    tuned = run.tuned.model_copy(update={"lessons": None, "critics": (), "trained": False})
    verdict = run.verdict.model_copy(update={"checks": ()})
    text = report.render(run.journal, run.law, tuned, compared, Inside(measurements=(), notes=("not looked inside",)), None, verdict)
    assert "No gap was computed" in text[report.REPORT]
    assert "Nobody looked inside" in text[report.REPORT]
    assert ModelCard(text[report.CARD]).data.tags
