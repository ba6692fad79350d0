from click.testing import CliRunner

from spiritlevel.cli import commands


def test_a_policy_is_optimised_and_looked_at_along_its_way(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.jsonl").write_text('{"prompt": "Say hello"}\n{"prompt": "Tell me of rain"}\n{"prompt": "What is a lake?"}\n')
    asked = "policy p.jsonl --model tiny:llama --reward rule:length --log rule:ended --steps 3 --batch 2 --samples 2 --max-tokens 6"
    command = [*asked.split(), "--checkpoint-every", "1", "--lr", "0.01", "-q", "--name", "pol"]
    found = CliRunner().invoke(commands.app, command)
    assert found.exit_code == 0, found.output
    assert "rule:ended" in found.output
    assert found.output.count("path:runs/pol/blobs/") == 3
    again = CliRunner().invoke(commands.app, command)
    assert again.output == found.output


def test_a_reward_that_is_unknown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.jsonl").write_text('{"prompt": "Say hello"}\n')
    found = CliRunner().invoke(commands.app, ["policy", "p.jsonl", "--model", "tiny:llama", "--reward", "nothing", "-q"])
    assert found.exit_code != 0
    assert "unknown" in str(found.exception)
