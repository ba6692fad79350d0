"""`init` and `constitution check`."""

from pathlib import Path

from spiritlevel import config, constitution


def test_init_writes_a_project_that_loads_and_checks(cli, tmp_path: Path):
    code, out, _ = cli("init", "mine")
    assert code == 0
    assert len(out.splitlines()) == 3
    loaded = config.load(tmp_path / "mine/spiritlevel.yaml")
    assert loaded.constitution == str(tmp_path / "mine/constitution")
    assert loaded.elicit.seeds == str(tmp_path / "mine/seeds")
    defaults = config.LoopConfig()
    same = {"constitution": defaults.constitution, "elicit": loaded.elicit.model_copy(update={"seeds": defaults.elicit.seeds})}
    assert loaded.model_copy(update=same) == defaults  # the commented file shows the defaults, not others
    assert constitution.load(loaded.constitution).principles == constitution.load().principles
    code, out, _ = cli("constitution", "check", "mine/constitution")
    assert code == 0
    assert "no faults of form" in out


def test_init_leaves_what_is_there(cli, fails, tmp_path: Path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes").write_text("keep")
    assert "that is not empty" in fails("init", "mine")
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["notes"]
    (tmp_path / "file").write_text("keep")
    assert "file" in fails("init", "file")
    assert (tmp_path / "file").read_text() == "keep"


def test_check_reports_every_fault_with_its_place_and_exits_1(cli, tmp_path: Path):
    cli("init", "mine")
    law = tmp_path / "mine/constitution"
    (law / "principles/no-fraud.md").write_text("no front matter")
    (law / "policy.yaml").write_text((law / "policy.yaml").read_text().replace("measure: gap", "measure: goodness"))
    code, out, err = cli("constitution", "check", law)
    assert code == 1
    assert "Traceback" not in err
    assert f"{law}/principles/no-fraud.md:1: " in out
    assert "unknown measure 'goodness'" in out
    assert "no faults" not in out


def test_check_of_the_default_and_of_nothing(cli, fails):
    assert cli("constitution", "check").code == 0
    assert "no such folder" in fails("constitution", "check", "nowhere")
