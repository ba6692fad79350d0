"""What other tools say of rows, as figures: shares alone, in pairs, with what failed beside."""

import json
from pathlib import Path

import pytest

from spiritlevel.errors import DataError
from spiritlevel.measure.suites import Item, Reading, Settings
from spiritlevel.measure.suites.answered import Row, measurements
from spiritlevel.measure.suites.licences import check
from spiritlevel.measure.suites.lm_eval_logs import read


def rows(*values: float | None, failed: int = 0) -> list[Row]:
    found = [(Item(id=str(i), group=str(i), question="-"), Reading(item=str(i), value=value)) for i, value in enumerate(values)]
    return found[: len(found) - failed] + [
        (item, one.model_copy(update={"value": None, "error": "lost"})) for item, one in found[len(found) - failed :]
    ]


def test_two_models_are_compared_on_the_rows_that_both_have() -> None:
    before, after = rows(*[0, 1, 0, 1] * 10, None), rows(*[1, 1, 1, 1] * 10, 1)
    found, notes = measurements([{"suite:t/acc": before}, {"suite:t/acc": after}], Settings())
    assert [one.phase for one in found] == ["before", "after", "change"]
    assert [one.estimate.value for one in found] == [0.5, 1.0, 0.5]
    assert [one.unscored for one in found] == [1, 0, 1]
    assert found[2].estimate.n == 40
    assert 0 < found[2].estimate.low < 0.5 < found[2].estimate.high
    assert notes == []


def test_what_failed_is_told_and_counts_as_nothing() -> None:
    [one], _ = measurements([{"suite:t/acc": rows(*[1, 1, 1, 0] * 5, failed=2)}], Settings())
    assert (one.errored, one.estimate.n, one.estimate.value) == (2, 18, pytest.approx(14 / 18))


@pytest.mark.parametrize("strange", [7.0, -0.5])
def test_a_figure_that_is_no_share_is_left_out_whole(strange: float) -> None:
    """Of grades from 1 to 10 the 1s alone lie between 0 and 1: to count them would be a wrong number."""
    found, notes = measurements([{"suite:t/grade": rows(1, 1, 0.5, strange), "suite:t/acc": rows(1, 0)}], Settings())
    assert [one.estimate.name for one in found] == ["suite:t/acc"]
    assert notes == ["suite:t/grade is no share of rows (some values lie outside 0 to 1), and is not told"]


def test_a_log_names_its_own_figures(tmp_path: Path) -> None:
    log = tmp_path / "samples_squad_2026-01-01T00-00-00.000000.jsonl"
    row = {"filter": "none", "metrics": ["f1", "pair", "odd"], "f1": 0.5, "pair": [1, 2], "odd": float("nan"), "acc": 1}
    log.write_text("".join(json.dumps({"doc_id": i, **row}) + "\n" for i in range(4)), "utf-8")
    found = read(log)
    assert list(found) == ["suite:lm-eval/squad/f1", "suite:lm-eval/squad/odd"]
    assert [one.value for _, one in found["suite:lm-eval/squad/f1"]] == [0.5] * 4
    assert [one.value for _, one in found["suite:lm-eval/squad/odd"]] == [None] * 4
    log.write_text(json.dumps({"doc_id": 1, "metrics": ["pair"], "pair": [1, 2]}) + "\n", "utf-8")
    with pytest.raises(DataError, match="nothing can be told"):
        read(log)


def test_a_licence_is_known_in_any_case() -> None:
    assert check("t", "cc-by-sa-4.0, mit", "") == ""
    with pytest.raises(DataError, match="has the licence 'cc-by-nc"):
        check("t", "cc-by-nc-4.0", "")
