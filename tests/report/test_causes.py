"""Pages of circuits, patching and features: whole, self-contained, and nothing of hostile text gets through."""

import re

import pytest

from spiritlevel.report import causes, page
from spiritlevel.types import Circuit, CircuitSize, Estimate, Feature, Features, ModelRef, NodeEffect, Patched, Spot

REF = ModelRef(spec="tiny:llama", kind="local", family="llama")
HOSTILE = "<script>alert(1)</script>\u202e&\"'"


def e(value: float, low: float, high: float) -> Estimate:
    return Estimate(name="x", value=value, low=low, high=high, n=12)


def circuit() -> Circuit:
    sizes = tuple(
        CircuitSize(edges=n, share=n / 82, faithful=e(f, f - 0.1, f + 0.1), random=e(0.05, -0.1, 0.2)) for n, f in ((4, 0.5), (8, 0.92))
    )
    return Circuit(
        model=REF,
        task=HOSTILE,
        example=(HOSTILE, "b", " c", " d"),
        pairs=20,
        accuracy=e(1.0, 0.9, 1.0),
        shape=(2, 4, 2),
        all_edges=82,
        chosen=sizes[1],
        sizes=sizes,
        edges=(
            ("embedding", "values 1.1", 0.5),
            ("head 1.2", "head 2.3 q", 0.25),
            ("head 1.2", "keys 2.2", 0.1),
            ("mlp 1", "mlp 2", -0.2),
            ("head 2.3", "logits", 0.4),
        ),
        notes=(HOSTILE,),
    )


def patched(exact: bool = True) -> Patched:
    names = [n for b in (1, 2) for n in (*(f"head {b}.{h}" for h in range(1, 5)), f"mlp {b}")]
    return Patched(
        model=REF,
        task=HOSTILE,
        pairs=8,
        accuracy=e(1.0, 0.8, 1.0),
        clean=e(2, 1, 3),
        corrupt=e(-2, -3, -1),
        heads=4,
        nodes=tuple(NodeEffect(node=n, exact=0.1 * i - 0.3 if exact else None, guessed=0.09 * i - 0.3) for i, n in enumerate(names)),
        agreement=e(0.9, 0.8, 0.95) if exact else None,
        passes=(10, 16),
    )


def features() -> Features:
    spot = Spot(tokens=("a", HOSTILE, "\n"), values=(0.0, 2.5, 0.1), at=1)
    one = Feature(id=7, density=0.01, auroc=e(0.9, 0.8, 0.95), promotes=(" yes", HOSTILE), spots=(spot,))
    silent = Feature(id=8, density=0.0, auroc=None, promotes=(), spots=())
    return Features(
        model=REF, layer=2, width=64, k=4, tokens=1000, explained=e(0.7, 0.6, 0.8), pca=e(0.5, 0.4, 0.6), dead=0.1, features=(one, silent)
    )


PAGES = {
    "circuit": lambda: causes.circuit_html(circuit()),
    "patch": lambda: causes.patch_html(patched()),
    "guess": lambda: causes.patch_html(patched(exact=False)),
    "features": lambda: causes.features_html(features()),
}


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_whole_and_escape_what_they_show(name: str) -> None:
    page = PAGES[name]()
    assert "<script" not in page
    assert "\u202e" not in page
    assert not re.search(r"(?:src|href)=[\"']?https?:", page)
    assert page.count("<main>") == page.count("</main>") == 1
    assert "nan" not in page.lower().replace("nance", "")
    assert PAGES[name]() == page


def test_every_edge_and_node_is_drawn_and_wide_is_strong() -> None:
    drawn = str(causes.drawing(circuit()))
    assert drawn.count('class="edge for"') == 4
    assert drawn.count('class="edge against"') == 1
    widths = [float(w) for w in re.findall(r'stroke-width="([\d.]+)"', drawn)]
    assert widths == sorted(widths)  # the strongest last, on top
    for name in ("1.2", "2.3", "mlp 1", "mlp 2", "embedding", "logits"):
        assert f">{name}<" in drawn
    assert "head 1.2 to head 2.3 q: +0.250" in drawn


def test_the_grid_has_a_cell_a_node_and_the_scatter_a_dot() -> None:
    assert str(causes.grid(patched())).count('class="cell') == 10
    assert str(causes.scatter(patched())).count('class="dot"') == 10
    assert str(causes.scatter(patched(exact=False))) == ""


def test_the_token_that_is_most_active_is_darkest() -> None:
    shown = str(causes.coloured(features().features[0].spots[0], 2.5))
    assert [float(a) for a in re.findall(r"--a:([\d.]+)", shown)] == [0.0, 1.0, 0.04]
    assert shown.count('class="tok at"') == 1


def test_blue_is_what_the_answer_needs_and_large_effects_are_written_out() -> None:
    style = (page.TEMPLATES / "causes.css").read_text("utf-8")
    assert ".cell.for{fill:#0072b2}" in style
    node = NodeEffect(node="head 1.1", exact=-0.4, guessed=-0.3)
    drawn = str(causes.grid(patched().model_copy(update={"nodes": (node,), "heads": 0})))
    assert '<rect class="cell for"' in drawn, "to take it away takes from the answer"
    assert ">\u221240</text>" in drawn
