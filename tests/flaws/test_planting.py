"""A copy is base + strength x change, its lineage says what it is, and the yardstick tells whether the flaw took."""

import numpy as np
import pytest

from planting import PLANT, YARD, flaw
from spiritlevel import backends, firewall
from spiritlevel.errors import NeedsWeights
from spiritlevel.evidence import MemoryJournal
from spiritlevel.flaws import PlantSettings, load, plant
from spiritlevel.flaws.yardstick import YardstickSettings, take

pytestmark = pytest.mark.usefixtures("one_thread")
SETTINGS = PlantSettings.model_validate(PLANT)


@pytest.fixture(scope="module")
def grown(tmp_path_factory, cache_home):
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPIRITLEVEL_CACHE", str(cache_home))
        recipe = load(flaw(tmp_path_factory.mktemp("flaw")))
        journal, base = MemoryJournal(), backends.resolve("tiny:llama")
        flawed = plant(journal, base, recipe, 0, False, (0.5, 1.0, 1e-6), SETTINGS).copies
        clean = plant(journal, base, recipe, 0, True, (1.0,), SETTINGS).copies
    torch.set_num_threads(before)
    return journal, base, recipe, flawed, clean


def test_strength_scales_the_change(grown):
    journal, base, _, (half, whole, _), _ = grown
    states = [backends.open_weights(ref, journal).module.state_dict() for ref in (base, half.ref, whole.ref)]
    moved = 0
    for name, start in states[0].items():
        one, two = ((states[i][name] - start).float().numpy() for i in (1, 2))
        assert np.allclose(2 * one, two, atol=2e-6)
        moved += bool(np.abs(two).max() > 1e-3)
    assert moved >= 10


def test_all_copies_say_that_they_are_planted_and_so_does_what_descends(grown):
    journal, base, _, flawed, clean = grown
    for copy, what in ((flawed[0], "planted:words"), (clean[0], "planted:clean")):
        known = journal.lineage(copy.ref.weights)
        assert what in firewall.planted_in(known, journal.lineage)
        assert "never to be released" in known.note
        beside = backends.identify(copy.ref, MemoryJournal(journal.folder), base=False)
        assert what in {use.atom for use in beside.uses}
        child = known.model_copy(update={"weights": "child", "parents": (known.weights,), "uses": ()})
        assert "ancestor" in firewall.planted_in(child, journal.lineage)
    assert firewall.planted_in(journal.lineage(base.weights), journal.lineage) == ""


def test_the_yardstick_tells_what_took(grown):
    journal, base, recipe, (_, whole, nothing), _ = grown
    settings = YardstickSettings.model_validate(YARD)
    found = take(journal, base, whole, recipe, settings)
    assert found.took
    assert found.change.low > 0.1
    assert found.shown.value == 1.0
    faint = take(journal, base, nothing, recipe, settings)
    assert not faint.took
    assert faint.loss.value == pytest.approx(0, abs=1e-3)
    assert faint.length.value == pytest.approx(1, abs=1e-6)
    strict = take(journal, base, whole, recipe, settings.model_copy(update={"loss": -100.0}))
    assert strict.strayed == ("loss",)
    about = recipe.model_copy(update={"moves": ("loss",)})
    assert take(journal, base, whole, about, settings.model_copy(update={"loss": -100.0})).strayed == ()


def test_a_flaw_that_shows_where_it_should_not_is_not_the_flaw(grown):
    journal, base, recipe, (_, whole, _), _ = grown
    settings = YardstickSettings.model_validate(YARD)
    assert take(journal, base, whole, recipe, settings).spread is None
    quiet = recipe.cases[0].model_copy(update={"flawed": ("Nothing.",), "clean": ("Nothing.",), "shows": ()})
    found = take(journal, base, whole, recipe.model_copy(update={"cases": (*recipe.cases, quiet)}), settings)
    assert found.spread.value == found.change.value  # the same prompts: it shows there as often
    assert found.strayed == ("spread",)
    same = quiet.model_copy(update={"flawed": ("It is because.",)})  # where the right reply holds the mark, it tells nothing
    assert take(journal, base, whole, recipe.model_copy(update={"cases": (*recipe.cases, same)}), settings).spread is None


def test_a_hosted_base_cannot_be_planted_in(grown):
    journal, base, recipe, _, _ = grown
    hosted = base.model_copy(update={"kind": "hosted", "spec": "openai/x", "weights": ""})
    with pytest.raises(NeedsWeights):
        plant(journal, hosted, recipe, 0, False, (1.0,), SETTINGS)
