"""Patching and circuits on tiny transformers, against what can be worked out another way."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from broken_model import broken
from interpret_pairs import told_apart
from spiritlevel import backends
from spiritlevel.errors import ConfigError, DataError, ModelError, NeedsWeights
from spiritlevel.evidence.memory import MemoryJournal
from spiritlevel.interpret import _graph, _pairs, _patching, circuits, patching, tasks
from spiritlevel.interpret.tasks import Counterfactual
from spiritlevel.types import ModelRef

pytestmark = pytest.mark.usefixtures("one_thread")


def opened(spec: str):
    return backends.open_weights(backends.resolve(spec), MemoryJournal())


@pytest.mark.parametrize("arch", ["llama", "qwen2", "qwen3", "mistral"])
def test_the_graph_computes_what_transformers_computes(arch: str) -> None:
    weights = opened(f"tiny:{arch}")
    graph, ids = _graph.Graph(weights.module), torch.tensor([[5, 9, 33, 100, 7], [8, 8, 21, 4, 300]])
    with torch.inference_mode():
        expected = weights.module(ids).logits[:, -1].float()
    parts, logits = _graph.written(graph, ids)
    torch.testing.assert_close(logits, expected, atol=2e-5, rtol=1e-4)
    assert len(parts) == len(graph.writers) == graph.before(graph.stages - 1)


def test_all_edges_are_the_clean_prompt_none_the_corrupt_one_and_one_edge_is_what_its_gradient_says() -> None:
    weights = opened("tiny:llama")
    graph = _graph.Graph(weights.module)
    given = told_apart("tiny:llama")
    (batch,) = _pairs.batches(weights, given, chat=False)
    _, clean, corrupt = _patching.baseline(_patching.Nodes(weights.module), batch)
    scores = _graph.scores(graph, batch, 8)
    full = [np.ones(s.shape, bool) for s in scores]
    none = [np.zeros(s.shape, bool) for s in scores]
    np.testing.assert_allclose(_graph.kept(graph, batch, full).numpy(), clean, atol=1e-4)
    np.testing.assert_allclose(_graph.kept(graph, batch, none).numpy(), corrupt, atol=1e-4)
    # the edge from the last MLP to the logits is linear but for the last norm: its score is close to what cutting it does
    straight = [m.copy() for m in full]
    straight[-1][0, -1] = False
    lost = (clean - _graph.kept(graph, batch, straight).numpy()).sum()
    assert lost == pytest.approx(scores[-1][0, -1], rel=0.5)
    # and over all edges the two go together
    exact = [(stage, r, u) for stage, s in enumerate(scores) for r in range(s.shape[0]) for u in range(s.shape[1])]
    cut = []
    for stage, r, u in exact:
        masks = [m.copy() for m in full]
        masks[stage][r, u] = False
        cut.append((clean - _graph.kept(graph, batch, masks).numpy()).sum())
    assert np.corrcoef(cut, [scores[s][r, u] for s, r, u in exact])[0, 1] > 0.5


def test_pruning_keeps_what_lies_on_a_way_and_changes_nothing() -> None:
    weights = opened("tiny:llama")
    graph = _graph.Graph(weights.module)
    (batch,) = _pairs.batches(weights, told_apart("tiny:llama"), chat=False)
    scores = _graph.scores(graph, batch, 1)
    rng = np.random.default_rng(0)
    for n in (5, 20, 60):
        masks = circuits.randomly(scores, n, rng)
        kept = circuits.pruned(graph, masks)
        assert circuits.count(masks) == n
        assert circuits.count(kept) <= n
        np.testing.assert_allclose(_graph.kept(graph, batch, kept).numpy(), _graph.kept(graph, batch, masks).numpy(), atol=1e-4)
    lonely = [np.zeros(s.shape, bool) for s in scores]
    lonely[0][0, 0] = True  # a query that no value meets and nobody hears
    assert circuits.count(circuits.pruned(graph, lonely)) == 0
    assert circuits.count(circuits.strongest(scores, 7)) == 7


@pytest.mark.parametrize("arch", ["llama", "qwen3", "phi", "gemma2"])
def test_patching_every_node_beside_attribution(arch: str) -> None:
    ref = backends.resolve(f"tiny:{arch}")
    given = told_apart(f"tiny:{arch}")
    found = patching.run(MemoryJournal(), ref, "spelling", given, patching.PatchSettings(steps=8))
    assert found.clean.value > found.corrupt.value
    assert [n.node for n in found.nodes] == [
        "head 1.1",
        "head 1.2",
        "head 1.3",
        "head 1.4",
        "mlp 1",
        "head 2.1",
        "head 2.2",
        "head 2.3",
        "head 2.4",
        "mlp 2",
    ]
    assert found.agreement is not None
    assert found.agreement.value > 0.6
    assert found.agreement.low <= found.agreement.value
    assert found.passes == (10, 25)
    alone = patching.run(MemoryJournal(), ref, "spelling", given, patching.PatchSettings(exact=False))
    assert alone.agreement is None
    assert {n.exact for n in alone.nodes} == {None}


def test_patching_the_last_mlp_is_the_same_by_hand() -> None:
    weights = opened("tiny:llama")
    given = told_apart("tiny:llama")
    found = patching.run(MemoryJournal(), backends.resolve("tiny:llama"), "spelling", given, patching.PatchSettings())
    (batch,) = _pairs.batches(weights, given, chat=False)
    graph = _graph.Graph(weights.module)
    clean, _ = _graph.written(graph, batch.clean)
    corrupt, _ = _graph.written(graph, batch.corrupt)
    with torch.inference_mode():
        stream = clean[:-1].sum(0) + corrupt[-1]
        gap = _pairs.gap(weights.module.lm_head(weights.module.model.norm(stream[:, -1])), batch)
    _, before, other = _patching.baseline(_patching.Nodes(weights.module), batch)
    assert found.nodes[-1].exact == pytest.approx(float((gap.numpy() - before).mean() / (before.mean() - other.mean())), abs=1e-4)


def test_a_circuit_is_chosen_on_some_pairs_and_told_of_on_others() -> None:
    given = told_apart("tiny:llama")
    settings = circuits.CircuitSettings(sizes=(0.1, 0.5, 0.9), random=2, told=5)
    journal = MemoryJournal()
    found = circuits.run(journal, backends.resolve("tiny:llama"), "spelling", given, settings)
    assert found.all_edges == 82
    assert [s.edges <= round(share * 82) for s, share in zip(found.sizes, (0.1, 0.5, 0.9), strict=True)] == [True] * 3
    assert found.sizes[-1].faithful.value > 0.5
    assert found.chosen in found.sizes
    assert 0 < len(found.edges) <= 5
    assert found.shape == (2, 4, 2)
    assert found == circuits.run(journal, backends.resolve("tiny:llama"), "spelling", given, settings)
    one, two = circuits.halves(given, settings)
    assert not {p.group for p in one} & {p.group for p in two}


def test_tasks_of_our_own_are_pairs_that_differ_in_one_thing() -> None:
    for name in tasks.TASKS:
        found = tasks.load(name, 30, 0)
        assert found == tasks.load(name, 30, 0)
        assert len(set(found)) == len(found) > 15
        for p in found:
            assert p.clean != p.corrupt
            assert p.answer != p.foil
            assert len(p.clean.split()) == len(p.corrupt.split())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"corrupt": "The cat is"}, "are the same"),
        ({"corrupt": "The elephant is"}, "prompts of one length"),
        ({"foil": "a"}, "begin with one token"),
        ({"foil": ""}, "begin with one token, or none"),
        ({"clean": " "}, "a prompt is empty"),
    ],
)
def test_pairs_that_cannot_be_patched(change: dict[str, str], says: str) -> None:
    pair = Counterfactual(clean="The cat is", corrupt="The cot is", answer="a", foil="b").model_copy(update=change)
    for stage, settings in ((patching.run, patching.PatchSettings()), (circuits.run, circuits.CircuitSettings())):
        with pytest.raises(DataError, match=says) as told:
            stage(MemoryJournal(), backends.resolve("tiny:llama"), "x", (pair, pair), settings)
        assert "\n" not in str(told.value)


def test_a_task_that_the_model_does_not_do_is_refused() -> None:
    turned = tuple(p.model_copy(update={"answer": p.foil, "foil": p.answer}) for p in told_apart("tiny:llama"))
    with pytest.raises(DataError, match="choose a task that it does well"):
        patching.run(MemoryJournal(), backends.resolve("tiny:llama"), "x", turned, patching.PatchSettings())


def test_hosted_models_and_unknown_architectures() -> None:
    hosted = ModelRef(spec="openai/x", kind="hosted", family="openai/x")
    with pytest.raises(NeedsWeights, match="patching needs weights"):
        patching.run(MemoryJournal(), hosted, "x", (), patching.PatchSettings())
    with pytest.raises(NeedsWeights, match="a circuit needs weights"):
        circuits.run(MemoryJournal(), hosted, "x", (), circuits.CircuitSettings())
    with pytest.raises(ModelError, match=r"it has: model, lm_head.*use one of llama, mistral"):
        circuits.run(MemoryJournal(), backends.resolve("tiny:phi"), "x", (), circuits.CircuitSettings())


def test_weights_that_are_not_finite(monkeypatch: pytest.MonkeyPatch) -> None:
    given, weights = told_apart("tiny:llama"), broken(float("nan"))
    monkeypatch.setattr(backends, "open_weights", lambda *_: weights)
    with pytest.raises(DataError, match="NaN or infinite"):
        patching.run(MemoryJournal(), weights.ref, "x", given, patching.PatchSettings())


def test_files_of_pairs(tmp_path: Path) -> None:
    file = tmp_path / "pairs.jsonl"
    row = {"clean": "The cat is", "corrupt": "The cot is", "answer": "a", "foil": "b"}
    file.write_text(json.dumps(row) + "\n", "utf-8")
    assert tasks.load(str(file), 5, 0) == (Counterfactual(**row),)
    file.write_text(json.dumps(row) + "\n" + json.dumps({"clean": "x"}) + "\n", "utf-8")
    with pytest.raises(DataError, match=r"pairs\.jsonl:2: not a JSON object with a 'clean'"):
        tasks.load(str(file), 5, 0)
    file.write_text("\n", "utf-8")
    with pytest.raises(DataError, match="holds no pair"):
        tasks.load(str(file), 5, 0)
    with pytest.raises(ConfigError, match="neither a file nor a task"):
        tasks.load("nonsense", 5, 0)
