"""``framework0 doctor``: it finds what is wrong, says what to do, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from framework0.cli.finding import FAIL, OK, WARN
from framework0.cli.health_of_machine import clock_finding, shared_memory, sqlite_finding
from framework0.cli.health_of_state import file_system_finding, order_finding, space_finding
from framework0.workspace import FileSystem

pytestmark = pytest.mark.slow


def findings(said):
    return {found["name"]: found for found in json.loads(said.stdout)["findings"]}


def test_a_healthy_workspace_is_told_line_by_line(framework0, workspace):
    said = framework0("doctor")
    assert said.code == 0
    lines = said.stdout.splitlines()
    names = {line[6:19].strip() for line in lines if line.startswith(("ok", "warn"))}
    assert {"python", "sqlite", "workspace", "state", "file system", "disk", "locks"} <= names
    assert {"journal", "open files", "shared memory", "terminal", "clock"} <= names
    assert str(workspace) in said.stdout
    assert lines[-1].endswith("0 failures")


@pytest.mark.measured
def test_looking_leaves_nothing_behind(framework0, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    said = framework0("doctor", "--json", cwd=empty)
    assert findings(said)["state"]["found"].endswith("which the first run makes")
    assert list(empty.iterdir()) == []


def test_every_finding_that_is_not_ok_says_what_to_do(framework0, workspace):
    (workspace / ".framework0").chmod(0o777)
    said = framework0("doctor", "--json", env={"PYTHONIOENCODING": "ascii"})
    found = findings(said)
    assert said.code == 0
    assert (found["state"]["state"], found["terminal"]["state"]) == (WARN, WARN)
    assert "chmod 700" in found["state"]["advice"]
    assert [
        name for name, one in found.items() if (one["state"] == OK) == bool(one["advice"])
    ] == []


def test_a_journal_is_counted_and_its_format_named(framework0):
    assert framework0("run", "one.yaml").code == 0
    found = findings(framework0("doctor", "--json"))
    assert found["journal"]["state"] == OK
    assert found["journal"]["found"].startswith("1 run, format ")
    assert found["interrupted"]["found"] == "no run"
    assert found["order of runs"]["state"] == OK


def test_a_journal_that_is_none_fails_and_is_left_as_it_is(framework0, workspace):
    journal = workspace / ".framework0" / "journal.db"
    journal.write_bytes(b"no database at all" * 100)
    said = framework0("doctor")
    assert said.code == 4
    assert "fail  journal" in said.stdout
    assert "→ copy " in said.stdout
    assert journal.read_bytes() == b"no database at all" * 100


def test_a_damaged_page_is_found(framework0, workspace):
    for _ in range(3):
        assert framework0("run", "good.yaml").code == 0
    journal = workspace / ".framework0" / "journal.db"
    content = bytearray(journal.read_bytes())
    # The runs are read from the first pages; the last page is one nobody needs for the list.
    content[-4096:] = b"\xff" * 4096
    journal.write_bytes(content)
    said = framework0("doctor", "--json")
    assert said.code == 4
    assert findings(said)["journal"]["state"] == FAIL


def test_a_run_whose_record_was_changed_is_named(framework0, workspace):
    events = framework0("run", "one.yaml", "--json").stdout.splitlines()
    run_id = json.loads(events[0])["run"]
    with closing(sqlite3.connect(workspace / ".framework0" / "journal.db")) as connection:
        connection.execute("UPDATE runs SET crc = crc + 1")
        connection.commit()
    said = framework0("doctor", "--json")
    assert said.code == 4
    assert findings(said)["damaged runs"]["found"] == run_id


def test_an_interrupted_run_is_named_with_the_way_on(framework0, killed_run):
    found = findings(framework0("doctor", "--json"))["interrupted"]
    assert (found["state"], found["found"]) == (WARN, killed_run)
    assert f"framework0 resume {killed_run}" in found["advice"]


def test_wrong_settings_are_a_finding_with_their_place(framework0, workspace):
    (workspace / "framework0.toml").write_text("concurency = 3\n", encoding="utf-8")
    said = framework0("doctor")
    assert said.code == 4
    assert "framework0.toml:1:1" in said.stdout
    assert "Traceback" not in said.stderr


def test_a_file_in_place_of_the_state_folder_fails(framework0, workspace):
    said = framework0("doctor", env={"FRAMEWORK0_HOME": str(workspace / "good.yaml" / "state")})
    assert said.code == 4
    assert "good.yaml is no folder" in said.stdout


@pytest.mark.parametrize(("limit", "state"), [(100, WARN), (600, OK)])
def test_few_open_files_are_warned_about(workspace, environment, limit, state):
    command = f'ulimit -S -n {limit}; exec "{sys.executable}" -m framework0 doctor --json'
    ended = subprocess.run(
        ["bash", "-c", command],
        cwd=workspace,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    found = {one["name"]: one for one in json.loads(ended.stdout)["findings"]}
    assert found["open files"]["state"] == state


@pytest.mark.parametrize(
    ("finding", "state"),
    [
        (file_system_finding(FileSystem("nfs4", "/mnt")), FAIL),
        (file_system_finding(FileSystem("fuse.sshfs", "/mnt")), FAIL),
        (file_system_finding(FileSystem("ext4", "/")), OK),
        (file_system_finding(FileSystem("", "")), OK),
        (space_finding(10 * 1024**3, 1000), OK),
        (space_finding(200 * 1024**2, 1000), WARN),
        (space_finding(1024**2, 1000), FAIL),
        (space_finding(10 * 1024**3, 0), FAIL),
        (sqlite_finding((3, 31, 1), "3.31.1"), FAIL),
        (clock_finding(0.0), WARN),
        (order_finding(newest=2_000.0, now=1_000.0), WARN),
        (order_finding(newest=1_000.0, now=2_000.0), OK),
        (shared_memory("/no/such/place"), WARN),
    ],
)
def test_what_cannot_be_made_here_is_judged_as_it_would_be(finding, state):
    assert finding.state == state
    assert bool(finding.advice) == (state != OK)


def test_a_terminal_is_described(workspace, environment):
    reader, writer = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "framework0", "doctor"],
        cwd=workspace,
        env={**environment, "TERM": "xterm-256color", "COLUMNS": "77"},
        stdout=writer,
    ) as process:
        os.close(writer)
        shown = b""
        # The kernel answers EIO once nobody has the other end open.
        while chunk := _read(reader):
            shown += chunk
        assert process.wait() == 0
    os.close(reader)
    assert b"xterm-256color, 77 columns" in shown


def _read(descriptor):
    try:
        return os.read(descriptor, 65536)
    except OSError:
        return b""
