import json
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spiritlevel.errors import EvidenceError, ModelError
from spiritlevel.firewall import spent
from spiritlevel.lineage import Ledger, ancestry, distance, fingerprint, identify, of_folder, read, sketch, write
from spiritlevel.types import Instrument, Lineage, Use

torch = pytest.importorskip("torch")
from safetensors.torch import save_file  # noqa: E402

Tensors = dict[str, Any]


def model(seed: int = 0, layers: int = 3) -> Tensors:
    draw = torch.Generator().manual_seed(seed)
    found = {"model.embed_tokens.weight": torch.randn(50, 16, generator=draw), "model.norm.weight": torch.ones(16)}
    for layer in range(layers):
        for name, shape in (("q_proj", (16, 16)), ("up_proj", (40, 16)), ("down_proj", (16, 40))):
            found[f"model.layers.{layer}.{name}.weight"] = torch.randn(shape, generator=draw) * 0.1
    return found


def adapter(rank: int = 2, seed: int = 5) -> Tensors:
    draw = torch.Generator().manual_seed(seed)
    found = {}
    for layer in range(3):
        stem = f"base_model.model.model.layers.{layer}.q_proj"
        found[f"{stem}.lora_A.weight"] = torch.randn(rank, 16, generator=draw) * 0.1
        found[f"{stem}.lora_B.weight"] = torch.randn(16, rank, generator=draw) * 0.1
    return found


def merged(base: Tensors, low: Tensors) -> Tensors:
    found = dict(base)
    for layer in range(3):
        stem = f"base_model.model.model.layers.{layer}.q_proj"
        found[f"model.layers.{layer}.q_proj.weight"] = (
            base[f"model.layers.{layer}.q_proj.weight"] + low[f"{stem}.lora_B.weight"] @ low[f"{stem}.lora_A.weight"]
        )
    return found


def saved(folder: Path, tensors: Mapping[str, Any], shards: int = 1, name: str = "model") -> Path:
    folder.mkdir(parents=True)
    keys = list(tensors)
    for shard in range(shards):
        part = {key: tensors[key].contiguous() for key in keys[shard::shards]}
        save_file(part, str(folder / (f"{name}.safetensors" if shards == 1 else f"{name}-{shard + 1}-of-{shards}.safetensors")))
    return folder


RESAVED: dict[str, Callable[[Tensors], Tensors]] = {
    "bfloat16": lambda t: {k: v.to(torch.bfloat16) for k, v in t.items()},
    "bfloat16 and back": lambda t: {k: v.to(torch.bfloat16).float() for k, v in t.items()},
    "float64": lambda t: {k: v.double() for k, v in t.items()},
    "reordered": lambda t: dict(reversed(t.items())),
    "renamed": lambda t: {f"module.{k.replace('layers', 'h')}": v for k, v in t.items()},
    "head tied by value": lambda t: {**t, "lm_head.weight": t["model.embed_tokens.weight"].clone()},
    "buffers": lambda t: {**t, "h.0.attn.bias": torch.ones(4, 4), "rotary_emb.inv_freq": torch.rand(4), "ids": torch.arange(4)},
    "negative zero": lambda t: {k: torch.where(v == 0, -0.0, v) for k, v in t.items()},
    "numpy": lambda t: {k: v.numpy() for k, v in t.items()},
}


@pytest.mark.parametrize("how", RESAVED)
def test_re_saving_keeps_the_fingerprint(how: str) -> None:
    tensors = {**model(), "zero.weight": torch.zeros(4, 4)}
    assert fingerprint(RESAVED[how](tensors)) == fingerprint(tensors)


def test_changing_one_weight_or_a_shape_changes_the_fingerprint() -> None:
    tensors = model()
    touched = {k: v.clone() for k, v in tensors.items()}
    touched["model.layers.1.q_proj.weight"][3, 3] += 0.01
    flat = {k: v.reshape(-1) for k, v in tensors.items()}
    fewer = {k: v for k, v in tensors.items() if "layers.2" not in k}
    assert len({fingerprint(t) for t in (tensors, touched, flat, fewer, model(1))}) == 5


def test_rounding_agrees_with_torch_and_packed_weights_count() -> None:
    values = torch.tensor([1.0, 1 + 2**-8, 1 + 2**-9, 3.14159, 1e-40, 65504.0, -2.5, 3e38]).repeat(40).reshape(16, 20)
    assert fingerprint({"w": values.numpy()}) == fingerprint({"w": values})
    assert sketch({"w": values.numpy()}) == sketch({"w": values})
    packed = {"w": torch.arange(64, dtype=torch.uint8)}
    assert fingerprint(packed) == fingerprint({"w": packed["w"].numpy()}) != fingerprint({"w": packed["w"].flip(0)})
    with pytest.raises(ModelError, match="no weights to fingerprint"):
        fingerprint({})


def test_a_folder_is_read_by_shards_and_in_torchs_own_format(tmp_path: Path) -> None:
    tensors = model()
    one = of_folder(saved(tmp_path / "one", tensors))
    assert one == of_folder(saved(tmp_path / "three", tensors, shards=3))
    (tmp_path / "bin").mkdir()
    torch.save(tensors, tmp_path / "bin" / "pytorch_model.bin")
    assert one == of_folder(tmp_path / "bin")
    assert one[0] == fingerprint(tensors)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="no weights in"):
        of_folder(tmp_path / "empty")
    (tmp_path / "empty" / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(ModelError, match="cannot be read"):
        of_folder(tmp_path / "empty")


def test_distance_tells_descendants_from_strangers() -> None:
    base = model()
    tuned = {k: v + 0.03 * torch.randn(v.shape, generator=torch.Generator().manual_seed(9)) * v.std() for k, v in base.items()}
    assert distance(sketch(base), sketch(base)) == 0
    assert distance(sketch(base), sketch(merged(base, adapter()))) < 0.2
    assert distance(sketch(base), sketch(tuned)) < 0.2
    assert distance(sketch(base), sketch(model(1))) == pytest.approx(2**0.5, abs=0.4)
    assert distance(sketch(base), sketch(adapter())) == float("inf")
    wrapped = {"base_model.model." + k.replace("q_proj.", "q_proj.base_layer."): v for k, v in base.items()}
    assert distance(sketch(base), sketch(wrapped)) == 0


def test_lineage_lies_beside_its_weights_and_beside_no_others(tmp_path: Path) -> None:
    folder = saved(tmp_path / "a", model())
    known = Lineage(weights=fingerprint(model()), body="base", history="known")
    assert read(folder) is None
    write(folder, known)
    assert read(folder) == known
    copied = tmp_path / "renamed"
    shutil.copytree(folder, copied)
    assert read(copied) == known
    stranger = saved(tmp_path / "b", model(1))
    shutil.copy(folder / "lineage.json", stranger / "lineage.json")
    assert read(stranger) is None
    for damage in ("", "{}", "[1]", '{"lineage": 3}', "\x00"):
        (copied / "lineage.json").write_text(damage)
        assert read(copied) is None


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "runs" / "ledger.db")


def enter(ledger: Ledger, tensors: Tensors, **fields: Any) -> Lineage:
    key = fingerprint(tensors)
    found = Lineage(**{"weights": key, "body": key, "history": "known", **fields})
    ledger.record(found, sketch(tensors))
    return found


def used(lineage: Lineage, ledger: Ledger) -> frozenset[str]:
    return spent(lineage, ledger.lookup)


def test_a_copied_renamed_merged_and_re_saved_checkpoint_stays_spent(ledger: Ledger) -> None:
    base, low = model(), adapter()
    root = enter(ledger, base, history="base")
    use = Use(model="run:1", atom="cluster:taught", how="train")
    enter(ledger, low, body=root.weights, parents=(root.weights,), uses=(use,))
    whole = merged(base, low)
    for how in ("float64", "renamed"):
        copy = RESAVED[how](low)
        assert used(identify(ledger, fingerprint(copy), sketch=sketch(copy)), ledger) == {"cluster:taught"}
    for copy in (whole, RESAVED["bfloat16"](whole), {k: v.half() for k, v in whole.items()}):
        found = identify(ledger, fingerprint(copy), sketch=sketch(copy), declared="base")
        assert "cluster:taught" in used(found, ledger)
        assert found.history == "unknown", "near copies descend from what is known, but may hold more"
        assert "near copy" in found.note
    clean = identify(ledger, fingerprint(base), sketch=sketch(base))
    assert clean.history == "base"
    assert used(clean, ledger) == frozenset(), "a clean base is not tainted by its own descendants"


def test_a_base_that_was_never_entered_is_known_once_its_descendant_is(ledger: Ledger) -> None:
    base, tuned = model(), merged(model(), adapter())
    enter(ledger, tuned, body=fingerprint(base), parents=(fingerprint(base),), uses=(Use(model="m", atom="a", how="train"),))
    found = identify(ledger, fingerprint(base), sketch=sketch(base))
    assert (found.history, used(found, ledger)) == ("base", frozenset())


def test_unknown_weights_are_unknown_unless_a_person_names_them_a_base(ledger: Ledger) -> None:
    stranger = model(3)
    key = fingerprint(stranger)
    assert ledger.lookup(key) is None
    assert identify(ledger, key, sketch=sketch(stranger)).history == "unknown"
    assert ledger.lookup(key) is None
    assert identify(ledger, key, sketch=sketch(stranger), family="llama", declared="base").families == ("llama",)
    assert identify(ledger, key).history == "base"


def test_lineage_beside_the_weights_is_entered(ledger: Ledger) -> None:
    beside = Lineage(weights="w", body="b", uses=(Use(model="w", atom="a", how="train"),), history="known")
    assert identify(ledger, "w", beside=beside) == beside
    assert ledger.lookup("w") == beside


def test_the_files_fingerprint_finds_a_model_of_another_key(ledger: Ledger) -> None:
    ledger.record(Lineage(weights="base+adapter", body="base", history="known"))
    ledger.add_sketch("base+adapter", fingerprint(adapter()), sketch(adapter()))
    found = ledger.lookup(fingerprint(adapter()))
    assert found is not None
    assert found.weights == "base+adapter"


def test_entering_again_never_takes_a_use_away(ledger: Ledger) -> None:
    judge = Instrument(id="j", name="critic")
    ledger.record(Lineage(weights="w", body="b", parents=("p",), uses=(Use(model="w", atom="a", how="train"),), judges=(judge,)))
    ledger.spend([Use(model="w", atom="later", how="select"), Use(model="other", atom="x", how="stop")])
    ledger.record(Lineage(weights="w", body="b", history="known", families=("f",)))
    found = ledger.lookup("w")
    assert found is not None
    assert [use.atom for use in found.uses] == ["a", "later"]
    assert (found.judges, found.parents, found.families, found.history) == ((judge,), ("p",), ("f",), "known")


def test_ancestry_is_transitive_ends_in_cycles_and_names_the_unknown(ledger: Ledger) -> None:
    ledger.record(Lineage(weights="c", body="a", parents=("b",), history="known"))
    ledger.record(Lineage(weights="b", body="a", parents=("a", "c", "teacher"), history="known"))
    start = ledger.lookup("c")
    assert start is not None
    found = {one.weights: one.history for one in ancestry(start, ledger.lookup)}
    assert found == {"c": "known", "b": "known", "a": "base", "teacher": "unknown"}


def test_attempts_are_shared_counted_and_not_paid_twice(ledger: Ledger) -> None:
    assert [ledger.attempt("body", reader, 2) for reader in ("s1", "s1", "s2", "s3", "s1")] == [1, 1, 2, None, 1]
    assert ledger.attempt("other", "s1", 2) == 1
    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(lambda n: Ledger(ledger.path).attempt("many", f"s{n}", 99), range(12)))
    assert sorted(n for n in numbers if n) == list(range(1, 13))


def test_looks_are_counted(ledger: Ledger) -> None:
    assert ledger.looks(["m"]) == 0
    seen = [("m", "open", "a"), ("m", "open", "b"), ("m", "open", "a"), ("n", "open", "a"), ("m", "other", "a")]
    assert [ledger.look(*one) for one in seen] == [1, 2, 2, 1, 1]
    assert ledger.looks(["m", "n"]) == 4


def test_a_reader_makes_no_ledger_and_errors_are_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    reader = Ledger(path, write=False)
    assert reader.lookup("w") is None
    assert reader.near(sketch(model())) == ()
    assert not path.exists()
    Ledger(path).record(Lineage(weights="w", body="w"))
    assert reader.lookup("w") is not None
    with pytest.raises(EvidenceError, match="cannot use the ledger"):
        reader.record(Lineage(weights="w", body="w"))
    path.write_bytes(b"no database at all" * 90)
    with pytest.raises(EvidenceError, match="cannot use the ledger"):
        reader.lookup("w")


def test_a_checkpoint_blob_enters_its_sketch(tmp_path: Path) -> None:
    from spiritlevel.evidence import open_run
    from spiritlevel.types import Frozen, Journal

    class Done(Frozen):
        blob: str

    base, low = model(), adapter()
    whole = merged(base, low)
    known = Lineage(weights=fingerprint(whole), body=fingerprint(base), uses=(Use(model="m", atom="a", how="train"),), history="known")

    def tune(journal: Journal) -> Done:
        def fill(folder: Path) -> None:
            saved(folder / "x", whole)
            (folder / "x" / "model.safetensors").rename(folder / "model.safetensors")
            write(folder, known)

        blob = journal.blob(fill)
        journal.record(known)
        return Done(blob=blob)

    with open_run(tmp_path, "r", "0" * 32, "") as run:
        done = run.step(tune)
        assert json.loads((run.path(done.blob) / "lineage.json").read_text())["beside"] == known.weights
        half = {k: v.half() for k, v in whole.items()}
        assert "a" in used(identify(run.ledger, "new", sketch=sketch(half)), run.ledger)


def test_a_sketch_is_small() -> None:
    assert len(sketch({f"layers.{n}.weight": np.ones((4, 4), np.float32) for n in range(2000)}).model_dump_json()) < 60_000
