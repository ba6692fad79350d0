import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest


class Said(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    """Call the program as the shell would, in a folder of its own: exit code, output, errors."""
    from spiritlevel.cli import main

    monkeypatch.chdir(tmp_path)

    def call(*words: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["spiritlevel", *map(str, words)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        return Said(code, *capsys.readouterr())

    return call


@pytest.fixture
def fails(cli: Any) -> Any:
    """Call the program and require exit 1 with one sentence on standard error; returns the sentence."""

    def call(*words: object) -> str:
        code, _, err = cli(*words)
        assert code == 1
        assert "Traceback" not in err
        assert err.startswith("spiritlevel: ")
        assert err.count("\n") == 1
        return err

    return call
