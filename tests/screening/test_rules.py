"""Rules before readings, thresholds from clean copies alone, alarms before labels."""

import numpy as np
import pytest

from planting import NAMES, ref, rules
from spiritlevel.errors import ConfigError, DataError, EvidenceError
from spiritlevel.evidence import MemoryJournal
from spiritlevel.screening import blind, calibrate, code, installed, left_out, register
from spiritlevel.types import Planted, Screened


def read(name: str, *values: float) -> Screened:
    return Screened(ref=ref(name), readings=tuple(zip(NAMES, values, strict=True)))


def test_rules_are_written_with_the_hash_of_the_checks_and_without_thresholds():
    journal = MemoryJournal()
    made = register(journal, NAMES, 0.05)
    assert [r.check for r in made.rules] == list(NAMES)
    assert all(r.threshold is None for r in made.rules)
    assert made.code == code()
    assert any(made.id in text for text in journal.stored.values())
    with pytest.raises(ConfigError, match="no 'nothing'"):
        installed(("nothing",))
    assert {"novel", "trigger", "told", "people"} <= {c.name for c in installed()}


def test_the_threshold_is_a_prediction_limit_from_what_lies_above_the_middle():
    made = register(MemoryJournal(), NAMES, 0.05)
    found = calibrate(MemoryJournal(), made, tuple(read(str(i), v, 0.0) for i, v in enumerate((-90.0, 2.0, 3.0, 4.0))))
    # median 2.5, root mean square of 0.5 and 1.5 above it 1.1180, t(0.975, 2) = 4.3027, sqrt(1.25) = 1.1180
    assert found.rules[0].threshold == pytest.approx(2.5 + 4.3027 * 1.1180 * 1.1180, abs=1e-3)
    assert found.rules[1].spread == found.rules[1].least  # equal readings have no spread that could be believed
    assert (found.after, found.copies) == (made.id, 4)
    assert found.id != made.id


def test_a_copy_left_out_asks_for_a_threshold_further_out():
    few, many = [np.asarray([[0.0], [1.0], [2.0], [9.0]][:n] * 1) for n in (2, 4)]
    least = np.asarray([0.1])
    assert left_out(few, least, 0.3) == 0.0
    # without the 9: median 1, one above it by 1
    assert left_out(many, least, 0.2) == pytest.approx(8.0)
    assert left_out(many, least, 0.05) == 0.0  # the 20th of 21 ranks needs 19 copies


@pytest.mark.parametrize("draw", ["normal", "skewed"])
def test_false_alarms_of_clean_copies_are_no_more_than_was_aimed_at(draw):
    made, rng, heard = register(MemoryJournal(), NAMES, 0.2), np.random.default_rng(0), 0
    for _ in range(200):
        draws = (rng.normal(size=(21, 2)) if draw == "normal" else rng.gamma(1.0, size=(21, 2))) * 5
        found = calibrate(MemoryJournal(), made, tuple(read(str(i), *row) for i, row in enumerate(draws[:20])))
        heard += any(value > rule.threshold for value, rule in zip(draws[20], found.rules, strict=True))
    assert 10 <= heard <= 57  # at most 0.2 of 200, and three standard deviations


def test_too_few_clean_copies_and_readings_that_are_none():
    made = register(MemoryJournal(), NAMES, 0.05)
    with pytest.raises(DataError, match="1 clean development copies"):
        calibrate(MemoryJournal(), made, (read("a", 1, 1),))
    with pytest.raises(DataError, match="no finite reading of 'views'"):
        calibrate(MemoryJournal(), made, (read("a", 1, float("nan")), read("b", 1, 1)))


def planted(name: str, flaw: str, clean: bool) -> Planted:
    return Planted(ref=ref(name), flaw=flaw, clean=clean, strength=1.0, seed=0, steps=3)


COPIES = (planted("a", "brand", False), planted("b", "bias", False), planted("c", "brand", True), planted("d", "bias", True))


def chain(values: dict[str, tuple[float, float]] | None = None):
    made = rules(1.0, 1.0)
    envelope = blind.seal(MemoryJournal(), made, COPIES)
    values = values or {"a": (2.0, 0.0), "b": (0.0, 0.0), "c": (0.0, float("nan")), "d": (1.0, 1.0)}
    screened = tuple(read(r.weights, *values[r.weights]) for r in envelope.refs)
    return made, envelope, blind.sound(MemoryJournal(), made, envelope, screened)


def test_names_tell_nothing_and_alarms_come_before_labels():
    made, envelope, alarms = chain()
    text = envelope.model_dump_json() + alarms.model_dump_json()
    assert not any(word in text for word in ("brand", "bias", "clean"))
    assert list(envelope.names) == sorted(envelope.names)
    raised = {a.name for a in alarms.alarms if a.raised}
    labels = blind.opened(alarms, envelope, made, COPIES)
    assert [(one.flaw, one.clean) for one in labels if one.name in raised] == [("brand", False)]


def test_what_was_changed_after_it_was_written_is_noticed():
    made, envelope, alarms = chain()
    labels = blind.opened(alarms, envelope, made, COPIES)
    lifted = tuple(a.model_copy(update={"raised": True}) for a in alarms.alarms)
    swapped = (labels[0].model_copy(update={"flaw": "other"}), *labels[1:])
    lower = made.model_copy(update={"rules": tuple(r.model_copy(update={"threshold": 0.0}) for r in made.rules)})
    for said, changed in (
        ("the alarms are", (alarms.model_copy(update={"alarms": lifted}), envelope, made, labels)),
        ("the rules are", (alarms, envelope, lower, labels)),
        ("the envelope is", (alarms, envelope.model_copy(update={"names": envelope.names[::-1]}), made, labels)),
        ("a label is", (alarms, envelope, made, swapped)),
    ):
        with pytest.raises(EvidenceError, match=f"{said} not what was written"):
            blind.verify(*changed)
    with pytest.raises(EvidenceError, match="a label is"):
        blind.opened(alarms, envelope, made, COPIES[:-1])


def test_alarms_need_thresholds_and_the_right_weights():
    made, envelope, _ = chain()
    screened = tuple(read(r.weights, 0.0, 0.0) for r in envelope.refs)
    with pytest.raises(EvidenceError, match="are of other weights"):
        blind.sound(MemoryJournal(), made, envelope, screened[::-1])
    bare = register(MemoryJournal(), NAMES, 0.1)
    with pytest.raises(EvidenceError, match="each with a threshold"):
        blind.sound(MemoryJournal(), bare, envelope, screened)
