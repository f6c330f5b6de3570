"""``framework0 context``: a shared context from the shell."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from framework0.context import Author, Context
from framework0.context.persist import SQLiteStore
from tests.ports import free_ports


@pytest.fixture
def context(framework0):
    """Run ``framework0 context WORDS``."""

    def run(*words, **options):
        return framework0("context", *words, **options)

    return run


@pytest.fixture
def kept(workspace):
    """The workspace's context ``default``, open in this process too."""
    folder = workspace / ".framework0" / "contexts"
    folder.mkdir(mode=0o700)
    with Context(SQLiteStore(folder / "default.db"), who="ada") as opened:
        yield opened


@pytest.fixture
def told(kept):
    """A context with a past: three keys, a tag, and what changed since."""
    kept.set("stock.screws", 10)
    kept.set("stock.nails", {"big": 5, "small": [1, 2]})
    kept.set("note", "fragile")
    kept.tag("start")
    night = kept.view(Author("night", "run-7", "count", 2))
    night.set("stock.nails", {"big": 5, "small": [1, 3]})
    kept.delete("note")
    return kept


@pytest.mark.measured
@pytest.mark.slow
def test_what_is_set_can_be_got_listed_and_deleted(context):
    assert context("set", "stock.screws", "10").stdout == "1\n"
    assert context("set", "name", "round nails").stdout == "2\n"
    assert context("set", "number", "12", "--text").stdout == "3\n"
    assert context("set", "read", "-", stdin='[1, "ä"]\n').stdout == "4\n"
    assert context("set", "read.text", "-", stdin="two\nlines\n").stdout == "5\n"
    assert context("get", "stock.screws").stdout == "10\n"
    assert context("get", "name").stdout == "round nails\n"
    assert context("get", "read.text").stdout == "two\nlines\n"
    assert json.loads(context("get", "number", "--json").stdout) == {
        "key": "number",
        "value": "12",
        "version": 3,
    }
    assert context("list", "read*").stdout == 'read = [1, "ä"]\n'
    everything = json.loads(context("list", "--json").stdout)
    assert everything["stock.screws"] == {"value": 10, "version": 1}
    assert context("delete", "name").stdout == "6\n"
    gone = context("delete", "name")
    assert (gone.code, gone.stdout) == (1, "")
    assert "there is no 'name' in the context 'default'" in gone.stderr


@pytest.mark.measured
@pytest.mark.slow
def test_what_is_not_there_is_said_with_what_comes_near(context, told):
    missing = context("get", "stock.screw")
    assert (missing.code, missing.stdout) == (1, "")
    assert "did you mean 'stock.screws'?" in missing.stderr
    other = context("list", "--context", "defualt")
    assert other.code == 4
    assert "no shared context 'defualt': did you mean 'default'?" in other.stderr
    assert not (told and context("list", "none.*").stdout)
    for words, said in [
        (("get", "a", "--context", "../up"), "names no shared context"),
        (("set", "a", "1", "--context", "a/b"), "names no shared context"),
        (("set", "a", "1", "--ttl", "soon"), "soon"),
        (("tag", "--move"), "need the NAME"),
        (("at",), "MOMENT"),
    ]:
        wrong = context(*words)
        assert wrong.code == 2, wrong
        assert said in wrong.stderr
    nowhere = context("list", "--context", "ws://127.0.0.1:9/")
    assert nowhere.code == 1
    assert "no context server answers" in nowhere.stderr


@pytest.mark.measured
@pytest.mark.slow
def test_a_version_can_be_expected(context, told):
    late = context("set", "stock.screws", "9", "--expect", "7")
    assert late.code == 1
    assert "'stock.screws' is at version 1, not 7" in late.stderr
    assert context("set", "stock.screws", "9", "--expect", "1").code == 0
    assert context("set", "new", "1", "--expect", "0").code == 0
    assert context("delete", "new", "--expect", "1").code == 1
    assert context("delete", "new", "--expect", "7").code == 0
    assert told.get("stock.screws") == 9
    assert "new" not in told


@pytest.mark.slow
def test_a_value_may_end_by_itself(context, kept):
    assert context("set", "lease", '"ada"', "--ttl", "1h").code == 0
    (change,) = kept.history("lease")
    assert 3500 < change.expires - change.at <= 3600
    assert 'lease = "ada" until 20' in context("history", "lease").stdout


@pytest.mark.measured
@pytest.mark.slow
def test_the_past_is_shown_with_who_and_when(context, told):
    lines = context("history").stdout.splitlines()
    assert lines[0].split() == ["VERSION", "WHEN", "WHO", "WHAT"]
    assert "count of run-7 (attempt 2)  stock.nails = " in lines[4]
    assert lines[5].split()[3] == "ada"
    assert lines[5].endswith('note removed, it was "fragile"')
    limited = context("history", "--limit", "1")
    assert len(limited.stdout.splitlines()) == 2
    assert "4 earlier changes are not shown" in limited.stderr
    facts = json.loads(context("history", "note", "--json").stdout)
    assert [change["removed"] for change in facts["changes"]] == [False, True]
    assert "no change of 'nothing' is kept" in context("history", "nothing").stderr


@pytest.mark.measured
@pytest.mark.slow
def test_blame_tells_who_is_responsible_part_by_part(context, told):
    lines = [line.split() for line in context("blame", "stock.nails").stdout.splitlines()]
    assert [(line[0], line[1], line[4]) for line in lines[1:]] == [
        ("big", "2", "ada"),
        ("small[0]", "2", "ada"),
        ("small[1]", "4", "night,"),
    ]
    assert context("blame", "stock.screws").stdout.splitlines()[1].startswith("10")
    facts = json.loads(context("blame", "stock.nails", "--json").stdout)
    assert facts["parts"] == {"big": 2, "small[0]": 2, "small[1]": 4}
    assert facts["change"]["step"] == "count"
    assert context("blame", "absent").code == 1


@pytest.mark.measured
@pytest.mark.slow
def test_moments_are_tags_versions_times_and_steps(context, told):
    assert context("get", "note", "--at", "start").stdout == "fragile\n"
    assert context("get", "note", "--at", "5").code == 1
    assert context("at", "1").stdout == "stock.screws = 10\n"
    assert "note = " in context("at", "run-7:count").stdout
    assert context("at", "latest:count").stdout == context("at", "run-7:count").stdout
    nobody = context("at", "latest:nothing")
    assert (nobody.code, "no change that is kept was made" in nobody.stderr) == (1, True)
    assert context("at", "2001-01-01").stdout == ""
    picture = json.loads(context("at", "start", "note", "--json").stdout)
    assert picture == {"version": 3, "values": {"note": "fragile"}}
    assert context("list", "note", "--at", "start").stdout == 'note = "fragile"\n'
    assert context("diff", "start").stdout.splitlines() == [
        '- note = "fragile"',
        '~ stock.nails = {"big": 5, "small": [1, 2]} → {"big": 5, "small": [1, 3]}',
    ]
    facts = json.loads(context("diff", "0", "1", "--json").stdout)
    assert facts == {"added": {"stock.screws": 10}, "removed": {}, "changed": {}}
    assert "nothing differs" in context("diff", "start", "3").stderr
    unknown = context("at", "end")
    assert unknown.code == 1
    assert "'end' stands for no version" in unknown.stderr


@pytest.mark.measured
@pytest.mark.slow
def test_tags_name_versions_and_move_on_purpose_only(context, told):
    assert context("tag").stdout == "start = 3\n"
    assert context("tag", "end").stdout == "5\n"
    assert json.loads(context("tag", "first", "1", "--json").stdout) == {
        "tag": "first",
        "version": 1,
    }
    taken = context("tag", "start", "4")
    assert taken.code == 1
    assert "'start' stands for version 3 already" in taken.stderr
    assert context("tag", "start", "4", "--move").code == 0
    assert context("tag", "start", "--remove").code == 0
    again = context("tag", "sart", "--remove")
    assert again.code == 2
    assert told.tags() == {"end": 5, "first": 1}


@pytest.mark.measured
@pytest.mark.slow
def test_rolling_back_says_what_changes_and_can_only_say_it(context, told):
    planned = context("rollback", "start", "--dry-run").stdout
    assert told.version == 5
    assert context("rollback", "start", "stock.**").stdout == planned.splitlines()[1] + "\n"
    assert told.get("stock.nails")["small"] == [1, 2]
    assert "note" not in told
    facts = json.loads(context("rollback", "start", "--json").stdout)
    assert facts["added"] == {"note": "fragile"}
    assert facts["version"] == told.version
    assert told.history("note")[-1].who not in ("ada", "night")


@pytest.mark.measured
@pytest.mark.slow
def test_what_is_exported_can_be_imported_elsewhere(context, told, workspace):
    assert context("export", "-o", "out.json").code == 0
    exported = json.loads((workspace / "out.json").read_text())
    assert (exported["framework0"], exported["format"], exported["version"]) == ("context", 1, 5)
    assert context("set", "own", "1", "--context", "other").code == 0
    assert "+ stock.screws = 10" in context("import", "out.json", "--context", "other").stdout
    whole = context("export", "--context", "other").stdout
    assert json.loads(whole)["values"] == {**exported["values"], "own": 1}
    replaced = context("import", "-", "--replace", "--context", "other", stdin=json.dumps(exported))
    assert replaced.stdout == "- own = 1\n"
    for text, said in [
        ("{", "is not JSON"),
        ("[]", "is not what"),
        ('{"framework0": "context", "format": 99, "values": {}}', "has the format 99"),
        ('{"framework0": "context", "format": 1}', "no object of `values`"),
        ("[" * 100_000, "is not JSON"),
    ]:
        wrong = context("import", "-", stdin=text)
        assert (wrong.code, wrong.stdout) == (2, "")
        assert said in wrong.stderr
    assert context("import", "nowhere.json").code == 4


@pytest.mark.measured
@pytest.mark.slow
def test_what_a_run_has_left_can_be_looked_at_and_not_changed(context, framework0):
    framework0("run", "good.yaml")
    assert context("get", "count.total", "--run", "latest").stdout == "6\n"
    assert context("at", "0", "--run", "latest").stdout == ""
    assert "count of " in context("blame", "count.upto", "--run", "latest").stdout
    assert "+ count.total = 6" in context("diff", "0", "--run", "latest").stdout
    watched = context("watch", "--since", "0", "--run", "latest")
    assert (watched.code, len(watched.stdout.splitlines())) == (0, 2)
    assert context("get", "count.total", "--run", "nothing").code == 4
    refused = context("set", "count.total", "7", "--run", "latest")
    assert refused.code == 2
    assert "cannot be changed" in refused.stderr


@pytest.mark.slow
def test_the_environment_chooses_a_context_where_no_option_does(context, framework0):
    here = {"env": {"FRAMEWORK0_CONTEXT": "team"}}
    assert context("set", "who", "team", **here).stdout == "1\n"
    assert context("get", "who", "--context", "team").stdout == "team\n"
    assert context("get", "who").code == 4
    assert context("get", "who", "--context", "other", **here).code == 4
    assert framework0("run", "good.yaml", **here).code == 0
    assert context("get", "count.total", **here).stdout == "6\n"
    assert context("at", "1", "--run", "latest", **here).stdout == ""
    assert framework0("run", "good.yaml", env={"FRAMEWORK0_CONTEXT": ""}).code == 0


@pytest.mark.measured
@pytest.mark.slow
def test_foreign_text_cannot_move_the_cursor(context, kept):
    hostile = "a\x1b[2J\x1b]52;c;eA==\x07\r\u202eb"
    kept.set("text", hostile)
    kept.set("inner", {hostile: [hostile]})
    kept.view(Author(hostile, hostile, hostile, 1)).set("signed", 1)
    for words in (
        ("list",),
        ("history",),
        ("blame", "inner"),
        ("blame", "signed"),
        ("diff", "0"),
        ("at", "3"),
        ("watch", "--since", "0", "--count", "3"),
    ):
        said = context(*words)
        assert said.code == 0
        assert not {"\x1b", "\x07", "\r", "\u202e"} & set(said.stdout + said.stderr), words


@pytest.mark.slow
def test_a_watch_shows_what_happens_until_it_is_ended(started, kept):
    kept.set("before", 1)
    watch = started("context", "watch", "a.*", "--json")
    assert "from version 1 on" in watch.stderr.readline()
    kept.set("a.x", {"n": 1})
    kept.set("b", 1)
    kept.delete("a.x")
    first, second = (json.loads(watch.stdout.readline()) for _ in "ab")
    assert (first["version"], first["key"], first["value"], first["who"]) == (
        2,
        "a.x",
        {"n": 1},
        "ada",
    )
    assert (second["version"], second["removed"]) == (4, True)
    watch.send_signal(signal.SIGINT)
    out, error = watch.communicate(timeout=120)
    assert (watch.returncode, out, error) == (130, "", "")


@pytest.mark.slow
def test_a_watch_ends_when_nobody_reads_it_any_more(started, kept):
    """Nothing happens after the reader has gone: the watch sees that by itself."""
    watch = started("context", "watch", "--since", "0")
    kept.set("a", 1)
    assert " a = 1" in watch.stdout.readline()
    watch.stdout.close()
    assert watch.wait(120) == 141


SERVER = """
import signal, sys
from framework0.server import ContextServer
from framework0.context import Context
server = ContextServer(int(sys.argv[1]), store="sqlite:" + sys.argv[2], workspace=".").start_async()
print(server.port, flush=True)
signal.pause()
"""


@pytest.fixture
def serving(workspace, environment):
    """Start a context server in a process of its own, on a file; returns it and its port."""
    begun = []

    def start(port=0):
        server = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(port), "served.db"],
            cwd=workspace,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        begun.append(server)
        return server, int(server.stdout.readline())

    yield start
    for server in begun:
        server.kill()
        server.communicate()


@pytest.mark.measured
@pytest.mark.slow
def test_a_server_s_context_is_used_the_same_way(context, serving):
    _, port = serving()
    at = ("--context", f"ws://127.0.0.1:{port}")
    assert context("set", "a", "[1]", *at).stdout == "1\n"
    assert context("set", "a", "[1, 2]", *at).stdout == "2\n"
    assert context("get", "a", *at).stdout == "[1, 2]\n"
    assert context("tag", "first", "1", *at).code == 0
    assert context("at", "first", *at).stdout == "a = [1]\n"
    assert context("diff", "first", *at).stdout == "~ a = [1] → [1, 2]\n"
    assert len(context("history", "a", *at).stdout.splitlines()) == 3
    assert "[1]" in context("blame", "a", *at).stdout
    assert context("rollback", "first", *at).code == 0
    assert context("export", *at).code == 0
    assert context("get", "a", *at).stdout == "[1]\n"


@pytest.mark.measured
@pytest.mark.slow
def test_a_watch_goes_on_when_its_server_was_killed_and_started_again(context, started, serving):
    (port,) = free_ports(1)
    server, _ = serving(port)
    at = ("--context", f"ws://127.0.0.1:{port}")
    context("set", "a", "1", *at)
    watch = started("context", "watch", "--count", "2", *at)
    assert "watching" in watch.stderr.readline()
    assert context("set", "a", "2", *at).code == 0
    assert " a = 2" in watch.stdout.readline()
    os.kill(server.pid, signal.SIGKILL)
    server.wait(120)
    assert "the server is away" in watch.stderr.readline()
    serving(port)
    assert context("set", "a", "3", *at).code == 0
    out, error = watch.communicate(timeout=120)
    assert " a = 3" in out
    assert watch.returncode == 0
    assert "resync" not in out + error.replace("unless a resync", "")
