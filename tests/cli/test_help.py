"""Help is quick, complete, and loads nothing heavy."""

import json
import subprocess
import sys

import pytest

HEAVY = (
    "torch",
    "transformers",
    "peft",
    "sklearn",
    "scipy",
    "numpy",
    "sqlalchemy",
    "pydantic",
    "yaml",
    "rich",
    "openai",
    "huggingface_hub",
)
COMMANDS = (
    "run",
    "audit",
    "demo",
    "init",
    "constitution",
    "runs",
    "show",
    "elicit",
    "finetune",
    "measure",
    "interpret",
    "release",
    "report",
    "import",
    "export",
    "agents",
    "campaign",
    "chat",
    "findings",
    "replay",
    "compare",
    "ask",
    "gap",
    "direction",
    "patch",
    "circuit",
    "neurons",
    "features",
    "sandbagging",
)
PROBE = """
import json, sys, time
from spiritlevel.cli import main
sys.argv = ["spiritlevel", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    code = end.code
print(json.dumps({"code": code, "modules": sorted(sys.modules), "cpu": time.process_time()}))
"""


def probe(*words: str) -> dict:
    done = subprocess.run([sys.executable, "-c", PROBE, *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]) | {"text": done.stdout}


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["run", "--help"], ["constitution", "check", "--help"], ["nonsense"]])
def test_it_imports_nothing_heavy(words: list[str]):
    found = probe(*words)
    assert not set(HEAVY).intersection(found["modules"])
    # 0.1 s of CPU on a free core; a bound that a busy machine keeps
    assert found["cpu"] < 1.0


def test_help_names_every_command_and_each_has_its_own(cli):
    listed = cli("--help")
    assert listed.code == 0
    for name in COMMANDS:
        assert f"\n  {name} " in listed.out
        code, out, _ = cli(name, "--help")
        assert code == 0
        assert out.startswith(f"Usage: spiritlevel {name}")
        assert len(out.splitlines()) > 3
    assert cli("constitution", "check", "--help").code == 0


@pytest.mark.parametrize("words", [["nonsense"], ["run", "--nonsense"], ["audit", "--before", "tiny:llama"], ["init"], ["run", "a", "b"]])
def test_wrong_usage_exits_2(cli, words):
    code, _, err = cli(*words)
    assert code == 2
    assert "Error" in err
    assert "Traceback" not in err


def test_version(cli):
    from importlib.metadata import version

    assert cli("--version").out.strip().endswith(version("spiritlevel"))
