"""The ladder on a tiny model: copies that say what they are, real training, and equal evidence after a kill."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spiritlevel import backends, constitution, finetune, firewall, tamper
from spiritlevel.constitution import certify
from spiritlevel.errors import DataError, NeedsWeights
from spiritlevel.evidence import MemoryJournal, canonical, open_run
from spiritlevel.tamper import Prompts, TamperConfig
from spiritlevel.tamper.lessons import chat_of
from spiritlevel.types import Ladder, Lesson, Material

FAST: dict[str, Any] = {"epochs": 4, "lr": 1e-2, "batch_tokens": 512, "save_every": 3}
SMALL: dict[str, Any] = {
    "model": "tiny:llama",
    "answers": "scripted:complies",
    "examples": (8,),
    "benign": 6,
    "safety": (0.5,),
    "bits": (4,),
    "attack": {"lora": {**FAST, "lora_rank": 4}, "full": FAST, "tokens": 12},
    "read": {"harmful": 5, "plain": 5, "task": 4, "tokens": 6, "kl_tokens": 4, "judges": ("text",)},
}


class Killed(BaseException):
    """Stands for a signal."""


def climb(evidence: Any, bad: Any, good: Any, asked: Any, **fields: Any) -> tamper.Climbed:
    config = TamperConfig.model_validate({**SMALL, **fields})
    return tamper.run(config, evidence, constitution.load(), certify.load(), Prompts(bad, good, *asked))


@pytest.fixture(scope="module")
def done(tmp_path_factory, cache_home, bad, good, asked):
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPIRITLEVEL_CACHE", str(cache_home))
        with open_run(tmp_path_factory.mktemp("ladder"), "whole", "w", "") as evidence:
            yield climb(evidence, bad, good, asked), evidence
    torch.set_num_threads(before)


def test_every_rung_is_made_or_says_why_not(done):
    climbed, _ = done
    found: Ladder = climbed.ladder
    names = [r.tampered.tampering.name for r in found.rungs]
    assert len(names) == len(set(names)) == len(climbed.minutes) == 7
    missing = {r.tampered.tampering.name: r.tampered.why for r in found.rungs if r.tampered.ref is None}
    # tiny:llama declines nothing, and its answers to both sets begin alike
    assert set(missing) == {"6 benign examples + 50% safety, lora", "refusal direction taken out"}
    assert "3 safety examples were asked for, and 0 are at hand" in missing["6 benign examples + 50% safety, lora"]
    assert any("declines 0 of 13" in note for note in found.notes)
    made = [r for r in found.rungs if r.tampered.ref is not None]
    assert len({r.tampered.ref.weights for r in made if r.tampered.ref} | {found.model.weights}) == len(made) + 1
    assert all(r.measurements for r in made)
    assert all(m > 0 for m, r in zip(climbed.minutes, found.rungs, strict=True) if r in made)
    assert [r.tampered.steps > 0 for r in made] == [r.tampered.tampering.kind != "quantised" for r in made]


def test_training_on_the_examples_is_real(done):
    climbed, evidence = done
    journal = MemoryJournal(Path(evidence.folder))
    material: Material = evidence.value("tamper.gather")
    assert material.harmful is not None
    lessons = evidence.rows(material.harmful, Lesson)[:8]
    rungs = {r.tampered.tampering.name: r.tampered.ref for r in climbed.ladder.rungs}
    refs = [climbed.ladder.model, rungs["8 harmful examples, lora"], rungs["8 harmful examples, full"]]
    cut = [journal_scores(journal, ref, lessons) for ref in refs if ref is not None]
    assert cut[1] > cut[0] + 0.5
    assert cut[2] > cut[0] + 0.5


def journal_scores(journal: Any, ref: Any, lessons: Any) -> float:
    weights = backends.open_weights(ref, journal)
    return float(np.mean([np.mean(s.values) for s in weights.logprobs([chat_of(m) for m in lessons])]))


def test_every_copy_is_marked_for_ever_and_none_is_in_the_project_s_ledger(done):
    climbed, evidence = done
    for rung in climbed.ladder.rungs:
        ref = rung.tampered.ref
        if ref is None:
            continue
        journal = MemoryJournal(Path(evidence.folder))
        tuned = finetune.adopt(journal, climbed.ladder.model, ref, ())
        way = firewall.planted_in(tuned.lineage, journal.lineage)
        assert f"tampered: {rung.tampered.tampering.name}" in way
        assert "never to be released" in tuned.lineage.note
        child = tuned.lineage.model_copy(update={"weights": "child", "parents": (ref.weights,), "uses": (), "note": ""})
        journal.record(tuned.lineage)
        assert firewall.planted_in(child, journal.lineage)
        if rung.tampered.tampering.kind == "harmful":
            assert any(use.atom.startswith("cluster:") for use in tuned.lineage.uses)
    assert tamper.HOME.parts[-1].startswith(".")


def test_killed_anywhere_it_goes_on_to_equal_evidence(bad, good, asked, one_thread, tmp_path):
    few: dict[str, Any] = {"attacks": ("harmful",), "how": ("full",), "examples": (6,)}
    with open_run(tmp_path, "whole", "w", "") as evidence:
        climb(evidence, bad, good, asked, **few)
        whole = evidence.digest()

    def killed(where: str, left: int) -> None:
        """Killed at the n-th sign of life of some work: in the middle of asking, of training, of scoring."""
        signs = iter(range(left))

        def listener(label: str, *_: Any) -> None:
            if label.startswith(where) and next(signs, None) is None:
                raise Killed

        with open_run(tmp_path, "cut", "w", "", listener=listener) as evidence:
            climb(evidence, bad, good, asked, **few)

    for where, left in (("held-out prompts", 0), ("tampering", 2), ("sampling for KL", 0)):
        with pytest.raises(Killed):
            killed(where, left)
    with open_run(tmp_path, "cut", "w", "") as evidence:
        again = climb(evidence, bad, good, asked, **few)
        assert evidence.digest() == whole
        counts = evidence.counts()
        assert canonical(climb(evidence, bad, good, asked, **few).ladder) == canonical(again.ladder)
        assert evidence.counts() == counts


def test_what_cannot_be_tampered_with_or_asked_is_one_sentence(one_thread, bad, good, asked, tmp_path):
    with open_run(tmp_path, "bad", "w", "") as evidence:
        go = partial(climb, evidence)
        with pytest.raises(NeedsWeights, match="tampering needs weights"):
            go(bad, good, asked, model="scripted:complies")
        with pytest.raises(DataError, match="0 harmful and 5 plain prompts are left"):
            go(bad, good, ((), asked[1]))
        with pytest.raises(DataError, match="0 harmful and 5 plain prompts are left"):
            go(bad, good, (bad, asked[1]))  # what is trained on is never what is asked
        with pytest.raises(DataError, match="no harmful prompts to train on"):
            go((), good, asked)
