"""``framework0 runs`` and ``runs prune``: which runs there are, told as they are."""

from __future__ import annotations

import json
import os
import signal
import sqlite3

import pytest

# Each test starts the command several times, as a person would.
pytestmark = pytest.mark.slow


def ids(said):
    return [run["id"] for run in json.loads(said.stdout)]


def test_without_a_run_the_list_is_empty_and_says_so(framework0):
    said = framework0("runs")
    assert (said.code, said.stdout) == (0, "")
    assert "there is no run yet" in said.stderr
    assert framework0("runs", "--json").stdout == "[]\n"


def test_the_newest_run_stands_first_with_its_state_and_recipe(framework0):
    framework0("run", "one.yaml", "--name", "first one")
    framework0("run", "mendable.yaml")
    said = framework0("runs")
    header, newest, oldest = said.stdout.splitlines()
    assert header.split() == ["RUN", "STATE", "BEGAN", "TOOK", "STEPS", "RECIPE", "NAME"]
    assert "failed" in newest
    assert "mendable" in newest
    assert "succeeded" in oldest
    assert oldest.endswith("first one")
    assert said.stderr == ""


def test_json_tells_the_facts_of_every_run(framework0):
    framework0("run", "good.yaml", "--name", "nightly")
    (run,) = json.loads(framework0("runs", "--json").stdout)
    assert run["state"] == "succeeded"
    assert (run["name"], run["recipe"], run["step_count"]) == ("nightly", "good", 3)
    assert run["finished_at"] - run["created_at"] == pytest.approx(run["seconds"], abs=1e-5)


@pytest.mark.measured
def test_state_recipe_and_limit_choose_among_them(framework0):
    for recipe in ("one.yaml", "mendable.yaml", "one.yaml"):
        framework0("run", recipe)
    newest, failed, oldest = ids(framework0("runs", "--json"))
    assert ids(framework0("runs", "--json", "--state", "failed")) == [failed]
    assert ids(framework0("runs", "--json", "--recipe", "one")) == [newest, oldest]
    limited = framework0("runs", "--json", "--limit", "1")
    assert ids(limited) == [newest]
    assert "2 older ones are not shown" in limited.stderr
    assert ids(framework0("runs", "--json", "--limit", "0")) == [newest, failed, oldest]
    assert "no run fits" in framework0("runs", "--state", "cancelled").stderr


def test_a_state_that_no_run_can_have_is_refused(framework0):
    said = framework0("runs", "--state", "broken")
    assert said.code == 2
    assert "interrupted" in said.stderr


def test_a_running_run_is_running_and_a_killed_one_interrupted(framework0, waiting_run):
    process, run_id = waiting_run
    (run,) = json.loads(framework0("runs", "--json").stdout)
    assert (run["id"], run["state"], run["finished_at"]) == (run_id, "running", None)
    assert run["seconds"] > 0
    os.kill(run["pid"], signal.SIGKILL)
    # It watches the process that was killed, and ends after it.
    process.communicate(timeout=120)
    (run,) = json.loads(framework0("runs", "--json").stdout)
    assert (run["state"], run["seconds"]) == ("interrupted", None)
    assert "interrupted" in framework0("runs").stdout


def test_the_table_fits_a_narrow_terminal(framework0):
    framework0("run", "one.yaml")
    for columns in (20, 60):
        said = framework0("runs", env={"COLUMNS": str(columns)})
        assert {len(line) <= columns for line in said.stdout.splitlines()} == {True}
        assert said.stdout.splitlines()[1].startswith("20")


def test_foreign_text_cannot_reach_the_terminal_raw(framework0):
    framework0("run", "one.yaml", "--name", "\x1b[2Jgone \u202eback")
    said = framework0("runs", env={"COLUMNS": "200"})
    assert r"\x1b[2Jgone \u202eback" in said.stdout
    assert not set(said.stdout) & set("\x1b\u202e")


def test_a_run_inside_a_run_is_listed_on_demand_only(framework0, workspace):
    (workspace / "outer.yaml").write_text(
        "metadata: {name: outer}\nsteps:\n  - {name: inner, type: recipe, recipe: one.yaml}\n"
    )
    assert framework0("run", "outer.yaml").code == 0
    (outer,) = ids(framework0("runs", "--json"))
    assert ids(framework0("runs", "--json", "--all")) == [f"{outer}.0", outer]
    # The beginning that both have means the outer one, and so does no word at all.
    for words in ([], [outer[:10]]):
        assert json.loads(framework0("show", "--json", *words).stdout)["id"] == outer
    shown = framework0("show", f"{outer}.0")
    assert f"part of  run {outer}" in shown.stdout
    assert shown.stderr == ""
    # They are pruned together or not at all, and the inner one does not count.
    assert framework0("runs", "prune", "--keep", "1").stdout == ""
    assert len(ids(framework0("runs", "--json", "--all"))) == 2
    framework0("runs", "prune", "--keep", "0")
    assert ids(framework0("runs", "--json", "--all")) == []


@pytest.mark.measured
def test_pruning_removes_the_older_runs_and_says_which(framework0, workspace):
    for _ in range(3):
        framework0("run", "one.yaml")
    newest, middle, oldest = ids(framework0("runs", "--json"))
    dry = framework0("runs", "prune", "--keep", "1", "--dry-run")
    assert middle in dry.stdout
    assert oldest in dry.stdout
    assert newest not in dry.stdout
    assert "2 runs would be removed" in dry.stderr
    assert len(ids(framework0("runs", "--json"))) == 3
    done = framework0("runs", "prune", "--keep", "1", "--json")
    assert json.loads(done.stdout)["removed"] == [middle, oldest]
    assert ids(framework0("runs", "--json")) == [newest]
    assert [folder.name for folder in (workspace / ".framework0/runs").iterdir()] == [newest]


def test_pruning_by_age_spares_what_is_younger(framework0):
    framework0("run", "one.yaml")
    said = framework0("runs", "prune", "--older-than", "1h", "--keep", "0")
    assert "0 runs removed" in said.stderr
    assert len(ids(framework0("runs", "--json"))) == 1
    assert "1 run removed" in framework0("runs", "prune", "--older-than", "1ms").stderr


@pytest.mark.measured
def test_pruning_needs_to_be_told_how_many_stay(framework0, workspace):
    for _ in range(2):
        framework0("run", "one.yaml")
    said = framework0("runs", "prune")
    assert said.code == 2
    assert "--keep" in said.stderr
    (workspace / "framework0.toml").write_text("keep_runs = 1\n")
    assert "1 run removed" in framework0("runs", "prune").stderr
    assert len(ids(framework0("runs", "--json"))) == 1
    for words in (["--keep", "-1"], ["--keep", "x"], ["--older-than", "soon"]):
        assert framework0("runs", "prune", *words).code == 2


def test_a_living_run_is_not_pruned(framework0, waiting_run):
    _, run_id = waiting_run
    assert "0 runs removed" in framework0("runs", "prune", "--keep", "0").stderr
    assert ids(framework0("runs", "--json")) == [run_id]


def test_the_workspace_can_be_named_from_elsewhere(framework0, workspace, tmp_path):
    framework0("run", "one.yaml")
    for words in (["--workspace", workspace], [f"--workspace={workspace}", "prune", "--keep", "0"]):
        said = framework0("runs", *words, cwd=tmp_path)
        assert said.code == 0
        assert "one" in said.stdout


def test_one_damaged_run_hides_no_other_and_is_refused_in_one_sentence(framework0, workspace):
    framework0("run", "one.yaml")
    framework0("run", "good.yaml")
    connection = sqlite3.connect(workspace / ".framework0/journal.db")
    connection.execute("UPDATE runs SET state = 'succeedet' WHERE recipe = 'good'")
    connection.commit()
    connection.close()
    damaged, whole = json.loads(framework0("runs", "--json").stdout)
    assert (damaged["state"], whole["state"]) == ("damaged", "succeeded")
    for verb in ("show", "logs", "why"):
        said = framework0(verb, damaged["id"])
        assert said.code == 4
        assert said.stdout == ""
        assert damaged["id"] in said.stderr
        assert len(said.stderr.splitlines()) == 1


def test_a_damaged_history_is_refused_in_one_sentence_and_listed_all_the_same(
    framework0, workspace
):
    framework0("run", "good.yaml")
    connection = sqlite3.connect(workspace / ".framework0/journal.db")
    connection.execute("UPDATE batches SET text = replace(text, 'greet', 'great')")
    connection.commit()
    connection.close()
    for verb in ("show", "logs", "why"):
        said = framework0(verb)
        assert (said.code, said.stdout) == (4, "")
        meant, sentence = said.stderr.splitlines()
        assert meant.endswith("is meant")
        assert "journal.db" in sentence
    assert "good" in framework0("runs").stdout


@pytest.mark.parametrize("verb", ["runs", "show", "logs", "why"])
def test_a_journal_that_is_none_is_refused_in_one_sentence(framework0, workspace, verb):
    (workspace / ".framework0/journal.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    said = framework0(verb)
    assert (said.code, said.stdout) == (4, "")
    assert "journal.db" in said.stderr
    assert len(said.stderr.splitlines()) == 1


@pytest.mark.parametrize("verb", ["show", "logs", "why"])
def test_without_a_run_there_is_nothing_to_look_at(framework0, verb):
    said = framework0(verb)
    assert (said.code, said.stdout) == (4, "")
    assert "framework0 run" in said.stderr


@pytest.mark.parametrize("verb", ["runs", "show", "logs", "why"])
def test_the_help_has_examples_and_imports_no_room(framework0, run_python, workspace, verb):
    said = framework0(verb, "--help")
    assert said.code == 0
    assert f"  framework0 {verb}" in said.stdout
    program = (
        "import sys, framework0.cli.main as main\n"
        f"main.main([{verb!r}, '--help'])\n"
        "rooms = {name.split('.')[1] for name in sys.modules if name.startswith('framework0.')}\n"
        "print(sorted(rooms), file=sys.stderr)\n"
    )
    ended = run_python("-c", program)
    assert ended.stderr.strip() == "['cli', 'errors']"
