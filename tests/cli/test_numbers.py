"""Numbers on the command line."""

import click
import pytest
from click.testing import CliRunner

from spiritlevel.cli.commands import app
from spiritlevel.cli.numbers import Number


@pytest.mark.parametrize("given", ["nan", "inf", "-inf", "NaN"])
def test_what_is_no_number_is_refused(given):
    with pytest.raises(click.BadParameter, match="no number with an end"):
        Number().convert(given, None, None)
    assert Number(0, 1).convert("0.5", None, None) == 0.5


def test_a_margin_that_is_no_number_is_a_usage_error():
    result = CliRunner().invoke(app, ["tamper", "bundled", "--margin", "nan"])
    assert result.exit_code == 2
    assert "'nan' is no number with an end" in result.output
