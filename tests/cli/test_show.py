"""``framework0 show``: one run, its steps, what is in flight, and the context it left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

# Each test starts the command several times, as a person would.
pytestmark = pytest.mark.slow


def line_of(text, name):
    return next(line for line in text.splitlines() if line.split()[:1] == [name])


def test_a_failed_run_names_the_place_of_the_failure_and_the_way_on(framework0, workspace):
    run_id = json.loads(framework0("run", "mendable.yaml", "--json").stdout.splitlines()[0])["run"]
    said = framework0("show")
    assert said.code == 0
    assert f"run {run_id} is meant" in said.stderr
    assert said.stdout.startswith(f"run {run_id} failed: 1 succeeded, 1 failed, 1 skipped\n")
    assert line_of(said.stdout, "first").split()[:3] == ["first", "succeeded", "1"]
    assert line_of(said.stdout, "shaky").endswith("ValueError: the file mended is missing")
    assert line_of(said.stdout, "after").split() == ["after", "skipped", "shaky", "failed"]
    source = workspace / "steps.py"
    line = (
        source.read_text()
        .splitlines()
        .index('        raise ValueError("the file mended is missing")')
    )
    assert f"    at {source}:{line + 1}\n" in said.stdout
    assert f"`framework0 resume {run_id}`" in said.stdout


def test_a_run_is_meant_by_its_id_a_beginning_of_it_or_its_name(framework0):
    framework0("run", "one.yaml", "--name", "nightly")
    framework0("run", "mendable.yaml")
    run_id = json.loads(framework0("show", "--json", "nightly").stdout)["id"]
    whole = framework0("show", run_id)
    assert whole.stderr == ""
    assert whole.stdout.startswith(f"run {run_id} succeeded: 1 succeeded\n")
    assert "  name     nightly\n" in whole.stdout
    assert "resume" not in whole.stdout
    beginning = framework0("show", run_id[:-2])
    assert (beginning.stdout, beginning.stderr) == (
        whole.stdout,
        f"framework0: run {run_id} is meant\n",
    )
    several = framework0("show", "20")
    assert several.code == 4
    assert "2 runs begin with '20'" in several.stderr
    near = framework0("show", "nightlx")
    assert near.code == 4
    assert "did you mean nightly" in near.stderr


def test_inputs_are_shown_and_secrets_are_not(framework0, workspace):
    (workspace / "secret.yaml").write_text(
        "inputs:\n  who: {type: string}\n  token: {type: string, secret: true, env: TOKEN}\n"
        "steps:\n  - {name: greet, module: steps, function: hello,"
        ' args: {who: "${{ inputs.who }} ${{ inputs.token }}"}}\n'
    )
    framework0("run", "secret.yaml", "-i", "who=the moon", env={"TOKEN": "hunter-2222"})
    for words in ([], ["--json"]):
        said = framework0("show", *words)
        assert "the moon" in said.stdout
        assert "hunter-2222" not in said.stdout


def test_json_holds_every_attempt_with_its_result_and_failure(framework0):
    framework0("run", "mendable.yaml")
    facts = json.loads(framework0("show", "--json").stdout)
    assert facts["counts"] == {"succeeded": 1, "failed": 1, "skipped": 1}
    assert [step["name"] for step in facts["steps"]] == ["first", "shaky", "after"]
    (attempt,) = facts["steps"][1]["attempts"]
    assert attempt["failure"]["kind"] == "ValueError"
    assert attempt["failure"]["where"].endswith(f"steps.py:{attempt['failure']['where'][-2:]}")
    assert "Traceback" in attempt["failure"]["trace"]
    framework0("run", "good.yaml")
    steps = json.loads(framework0("show", "--json").stdout)["steps"]
    assert [step["attempts"][0]["result"] for step in steps] == [[0, 1, 2, 3], 6, "hello you"]
    used = ("seconds", "cpu_seconds", "peak_memory", "read_bytes", "written_bytes")
    assert all(step["attempts"][0][name] >= 0 for step in steps for name in used)


def test_the_context_is_what_the_run_left(framework0):
    framework0("run", "good.yaml")
    assert framework0("show", "--context").stdout == "count.total = 6\ncount.upto = 4\n"
    assert framework0("show", "--context", "*.total").stdout == "count.total = 6\n"
    none = framework0("show", "--context", "other.*")
    assert none.stdout == ""
    assert "no key matches 'other.*'" in none.stderr
    facts = json.loads(framework0("show", "--json", "--context", "count.*").stdout)
    assert facts["context"] == {"count.total": 6, "count.upto": 4}


def test_the_context_of_a_failed_attempt_is_not_there(framework0, workspace):
    (workspace / "half.py").write_text(
        "def write(context):\n    context.set('kept', 'new \\u202e')\n"
        "def fail(context):\n    context.set('kept', 'bad')\n    raise ValueError('no')\n"
    )
    (workspace / "half.yaml").write_text(
        "steps:\n  - {name: write, module: half, function: write}\n"
        "  - {name: fail, module: half, function: fail}\n"
    )
    assert framework0("run", "half.yaml").code == 1
    assert framework0("show", "--context").stdout == 'kept = "new \\u202e"\n'


@pytest.mark.measured
def test_what_is_in_flight_is_told_of_a_living_and_of_a_dead_run(framework0, waiting_run):
    process, run_id = waiting_run
    living = framework0("show", run_id)
    assert living.stdout.startswith(f"run {run_id} running: 1 succeeded, 1 running\n")
    pid = json.loads(framework0("show", "--json").stdout)["pid"]
    assert f"  process  {pid} on " in living.stdout
    assert line_of(living.stdout, "gate").endswith("attempt 1 is going on")
    assert f"`framework0 cancel {run_id}`" in living.stdout
    os.kill(pid, signal.SIGKILL)
    # It watches the process that was killed, and ends after it.
    process.communicate(timeout=120)
    dead = framework0("show", run_id)
    assert dead.stdout.startswith(f"run {run_id} interrupted: 1 succeeded, 1 interrupted\n")
    assert "is gone and recorded no end" in dead.stdout
    assert line_of(dead.stdout, "gate").endswith("was in flight when the process ended")
    assert f"`framework0 resume {run_id}`" in dead.stdout
    facts = json.loads(framework0("show", "--json").stdout)
    assert facts["steps"][1]["begun"] == 1
    assert facts["steps"][1]["attempts"] == []


@pytest.mark.measured
def test_a_resumed_run_says_how_often_and_a_repeated_one_of_which(framework0, workspace):
    framework0("run", "mendable.yaml")
    (workspace / "mended").touch()
    framework0("resume")
    resumed = framework0("show")
    run_id = resumed.stdout.split()[1]
    assert ", resumed once, last " in resumed.stdout
    assert line_of(resumed.stdout, "shaky").split()[:3] == ["shaky", "succeeded", "2"]
    framework0("rerun")
    assert f"  repeats  run {run_id}\n" in framework0("show").stdout


@pytest.mark.measured
def test_a_run_whose_code_and_file_are_gone_is_shown_all_the_same(framework0, workspace):
    (workspace / "touched.py").write_text(
        "from pathlib import Path\nPath('imported').touch()\ndef work():\n    return 1\n"
    )
    (workspace / "gone.yaml").write_text(
        "steps:\n  - {name: work, module: touched, function: work}\n"
    )
    framework0("run", "gone.yaml")
    (workspace / "imported").unlink()
    shown = framework0("show").stdout
    framework0("logs"), framework0("why")
    assert not (workspace / "imported").exists()
    (workspace / "touched.py").unlink()
    (workspace / "gone.yaml").unlink()
    assert framework0("show").stdout == shown


def test_the_items_of_a_foreach_stand_below_their_step(framework0, workspace):
    (workspace / "each.yaml").write_text(
        "steps:\n  - {name: greet, module: steps, function: hello, foreach: [a, b],"
        ' args: {who: "${{ item }}"}}\n'
    )
    framework0("run", "each.yaml")
    lines = framework0("show").stdout.splitlines()
    assert [line.split("s  ")[0].split()[0] for line in lines[5:8]] == [
        "greet",
        "greet[0]",
        "greet[1]",
    ]
    assert lines[6].startswith("  greet[0]")
    assert ": 1 succeeded" in lines[0]


@pytest.mark.measured
def test_of_a_large_run_only_what_is_remarkable_is_listed(framework0, workspace):
    steps = "".join(
        f"  - {{name: s{number}, module: steps, function: hello}}\n" for number in range(201)
    )
    (workspace / "large.yaml").write_text(
        f"order: graph\nsteps:\n{steps}  - {{name: bad, module: steps, function: fail_until_mended}}\n"
    )
    framework0("run", "large.yaml")
    said = framework0("show")
    assert "s7" not in said.stdout
    assert line_of(said.stdout, "bad")
    assert "… and 201 more: --all lists them" in said.stdout
    assert line_of(framework0("show", "--all").stdout, "s200")


def test_the_table_fits_a_narrow_terminal_and_foreign_text_is_harmless(framework0, workspace):
    (workspace / "evil.py").write_text(
        "def fail():\n    raise ValueError('\\x1b]0;owned\\x07\\u202e rest')\n"
    )
    (workspace / "evil.yaml").write_text(
        "steps:\n  - {name: 測定測定測定測定測定, module: evil, function: fail}\n"
    )
    framework0("run", "evil.yaml")
    wide = framework0("show", env={"COLUMNS": "150"}).stdout
    assert r"ValueError: \x1b]0;owned\x07\u202e rest" in wide
    assert not set(wide) & set("\x1b\x07\u202e")
    narrow = framework0("show", env={"COLUMNS": "20"}).stdout
    table = narrow.split("\n\n")[1].splitlines()
    # Each of these characters takes two columns.
    widths = [sum(2 if "一" <= sign <= "鿿" else 1 for sign in line) for line in table]
    assert max(widths) in (19, 20)


def on_terminal(words, workspace, environment, columns=100):
    """Return what the command writes to a terminal of its own."""
    ours, its = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "framework0", *words],
        cwd=workspace,
        env={**environment, "COLUMNS": str(columns)},
        stdin=subprocess.DEVNULL,
        stdout=its,
        stderr=subprocess.DEVNULL,
    )
    os.close(its)
    shown = b""
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:
        # Linux says so instead of an end of file when the other side is closed.
        pass
    os.close(ours)
    assert process.wait(timeout=120) == 0
    return shown.decode()


@pytest.mark.measured
def test_states_are_colored_on_a_terminal_only_and_never_in_a_line_that_is_cut(
    framework0, workspace, environment
):
    framework0("run", "mendable.yaml")
    terminal = {**environment, "TERM": "xterm"}
    for verb in ("show", "runs"):
        shown = on_terminal([verb], workspace, terminal)
        assert "\x1b[31mfailed" in shown
        for others in ({**terminal, "NO_COLOR": "1"}, environment):
            assert "\x1b" not in on_terminal([verb], workspace, others)
        narrow = on_terminal([verb], workspace, terminal, columns=20)
        assert "\x1b" not in narrow
        assert "…" in narrow
