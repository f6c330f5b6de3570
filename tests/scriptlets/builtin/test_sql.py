from __future__ import annotations

import datetime as dt
import decimal
import os
import sqlite3
import threading
from contextlib import closing

import pytest
import sqlalchemy as sa

from framework0.errors import RefusedError, StepCancelled, StepError, UsageError
from framework0.scriptlets.builtin.confined import Roots
from framework0.scriptlets.builtin.databases import work_on_engine
from framework0.scriptlets.builtin.interruptible import Line
from framework0.scriptlets.builtin.sqlite import rows_as_mappings, work_in_file

FOREVER = (
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) AS c FROM n"
)
MAKE = "CREATE TABLE t (name TEXT, count INTEGER)"


@pytest.fixture
def shop(do):
    rows = [["pens", 12], {"n": "ink", "c": 3}]
    do(
        "sql",
        database="shop.db",
        statements=[
            MAKE,
            {"sql": "INSERT INTO t VALUES (?, ?)", "parameters": rows[0]},
            {"sql": "INSERT INTO t VALUES (:n, :c)", "parameters": [rows[1]]},
        ],
    )
    return "shop.db"


def test_rows_come_back_as_mappings(do, shop, context):
    found = do("sql", database=shop, query="SELECT * FROM t ORDER BY count")
    assert found["rows"] == [{"name": "ink", "count": 3}, {"name": "pens", "count": 12}]
    assert (found["columns"], found["count"], found["changed"]) == (["name", "count"], 2, 0)
    do(
        "sql",
        database=shop,
        query="SELECT count FROM t WHERE name = ?",
        parameters=["ink"],
        into="c",
    )
    assert context.get("c") == [{"count": 3}]


def test_values_are_bound_and_never_part_of_the_text(do, shop):
    hostile = "x'); DROP TABLE t; --"
    do(
        "sql",
        database=shop,
        statements=[{"sql": "INSERT INTO t VALUES (?, 1)", "parameters": [hostile]}],
    )
    found = do(
        "sql", database=shop, query="SELECT name FROM t WHERE name = :n", parameters={"n": hostile}
    )
    assert found["rows"] == [{"name": hostile}]


def test_all_of_it_happens_or_nothing(do, shop):
    with pytest.raises(StepError, match=r"statements\[2\]: no such table: u"):
        do("sql", database=shop, statements=["DELETE FROM t", "DELETE FROM u"])
    with pytest.raises(StepError, match="query: no such column: absent"):
        do("sql", database=shop, statements=["DELETE FROM t"], query="SELECT absent FROM t")
    assert do("sql", database=shop, query="SELECT count(*) AS c FROM t")["rows"] == [{"c": 2}]
    assert do("sql", database=shop, statements=["DELETE FROM t"])["changed"] == 2


def test_read_only_changes_nothing_and_makes_no_file(do, shop, space):
    with pytest.raises(StepError, match="readonly"):
        do("sql", database=shop, statements=["DELETE FROM t"], read_only=True)
    assert do("sql", database=shop, query="SELECT 1 AS one", read_only=True)["count"] == 1
    with pytest.raises(StepError, match="cannot be opened"):
        do("sql", database="none.db", query="SELECT 1 AS one", read_only=True)
    assert not (space / "none.db").exists()


def test_memory_is_a_database_too(do, space):
    found = do("sql", database=":memory:", statements=[MAKE], query="SELECT * FROM t")
    assert found["rows"] == []
    assert os.listdir(space) == [".framework0"]


@pytest.mark.parametrize(
    "target", ["../outside.db", "{space}/../outside.db", "file:../outside.db", "inside.db"]
)
def test_no_other_file_is_reached_by_attaching(do, shop, space, target):
    target = target.format(space=space)
    with pytest.raises((RefusedError, StepError)):
        do(
            "sql",
            database=shop,
            statements=[f"ATTACH '{target}' AS other", "CREATE TABLE other.t (x)"],
        )
    with pytest.raises((RefusedError, StepError)):
        do("sql", database=shop, statements=[f"VACUUM INTO '{target}'"])
    assert not (space.parent / "outside.db").exists()


def test_what_lies_in_the_workspace_may_be_attached(do, shop, space):
    path = os.path.realpath(space / "other.db")
    do("sql", database="other.db", statements=[MAKE])
    found = do(
        "sql", database=shop, statements=[f"ATTACH '{path}' AS o"], query="SELECT * FROM o.t"
    )
    assert found["rows"] == []


@pytest.mark.parametrize("path", ["../outside.db", "/tmp/outside.db", ".framework0/journal.db"])
def test_a_file_outside_of_the_workspace_is_refused(do, path):
    with pytest.raises(RefusedError):
        do("sql", database=path, query="SELECT 1 AS one")


@pytest.mark.parametrize(
    ("params", "error", "words"),
    [
        ({}, UsageError, "nothing to do"),
        ({"statements": ["x"], "into": "k"}, UsageError, "belong to a query"),
        ({"statements": [3]}, UsageError, r"statements\[1\] has no text"),
        ({"statements": [{"sql": "x", "params": 1}]}, UsageError, "'params': known are"),
        ({"statements": ["COMMIT"]}, UsageError, "COMMIT is not needed"),
        ({"statements": ["SELECT 1; SELECT 2"]}, StepError, "one statement at a time"),
        ({"query": "CREATE TABLE x (y)"}, UsageError, "gives no rows"),
        ({"query": "SELECT 1 AS a, 2 AS a"}, UsageError, "two columns called 'a'"),
        ({"query": "SELECT x'00' AS a"}, StepError, r"hex\(a\)"),
        ({"query": "SELECT ? AS a", "parameters": "x"}, UsageError, "parameters is a str"),
        ({"query": "SELECT ? AS a", "parameters": []}, StepError, "bindings"),
        ({"query": "SELECT ? AS a", "parameters": [{}]}, StepError, "query: "),
        ({"query": "SELECT load_extension('x') AS a"}, StepError, "not authorized"),
    ],
)
def test_what_cannot_be_done_is_told_with_its_statement(do, params, error, words):
    with pytest.raises(error, match=words):
        do("sql", database=":memory:", **params)


def test_a_file_that_is_no_database_is_told(do, space):
    (space / "a.db").write_text("x" * 5000)
    with pytest.raises(StepError, match="not a database"):
        do("sql", database="a.db", query="SELECT * FROM sqlite_master")


def test_too_many_rows_are_an_error(do, shop):
    with pytest.raises(StepError, match="more than 1 rows"):
        do("sql", database=shop, query="SELECT * FROM t", max_rows=1)


@pytest.mark.slow
def test_a_query_without_end_is_interrupted(do, shop):
    with pytest.raises(TimeoutError, match="the database took longer"):
        do("sql", database=shop, statements=["DELETE FROM t"], query=FOREVER, timeout="200ms")
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    with pytest.raises(StepCancelled):
        do("sql", database=shop, query=FOREVER, stop=stop)
    assert do("sql", database=shop, query="SELECT * FROM t")["count"] == 2


@pytest.mark.parametrize("words", [{"statements": ["DELETE FROM t"]}, {"query": "SELECT 1"}])
def test_what_was_cut_between_two_statements_changes_nothing(space, shop, words):
    line = Line()
    line.cut()
    work = {"statements": [], "query": None} | words
    statements = [(text, None) for text in work["statements"]]
    query = work["query"] and (work["query"], None)
    with pytest.raises(StepError, match="interrupted"):
        work_in_file(
            line, str(space / shop), Roots(str(space)), statements, query, 1, read_only=False
        )
    with pytest.raises(StepError, match="interrupted"):
        work_on_engine(line, sa.create_engine("sqlite://"), [(MAKE, None)], query, 1)
    with closing(sqlite3.connect(space / shop)) as kept:
        assert kept.execute("SELECT count(*) FROM t").fetchone() == (2,)


def test_a_statement_of_a_cut_line_ends_by_itself(space, shop):
    """As when the cut falls between two statements: SQLite forgets an interrupt that comes then."""
    line = Line()
    line.cut()
    with pytest.raises(StepError, match="interrupted"):
        work_in_file(
            line, str(space / shop), Roots(str(space)), [], (FOREVER, None), 1, read_only=False
        )


@pytest.mark.slow
def test_a_database_that_another_writes_to_is_waited_for(do, shop, space):
    other = sqlite3.connect(space / shop, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.2, lambda: other.execute("ROLLBACK"))
    timer.start()
    assert do("sql", database=shop, statements=["DELETE FROM t"])["changed"] == 2
    timer.join()
    other.close()


def on_engine(statements=(), query=None, most=10):
    return work_on_engine(Line(), sa.create_engine("sqlite://"), statements, query, most)


def test_sqlalchemy_does_the_same_in_one_transaction():
    insert = "INSERT INTO t VALUES (:n, :c)"
    rows = [{"n": "a", "c": 1}, {"n": "b", "c": 2}]
    found = on_engine(
        [(MAKE, None), (insert, rows)], ("SELECT * FROM t WHERE count > :c", {"c": 1})
    )
    assert found["rows"] == [{"name": "b", "count": 2}]
    assert found["changed"] == 2
    with pytest.raises(StepError, match=r"statements\[1\]: no such table: u") as told:
        on_engine([("DELETE FROM u WHERE x = :x", {"x": "abcdef"})])
    assert "abcdef" not in str(told.value)
    with pytest.raises(UsageError, match="must be a mapping"):
        on_engine([("SELECT 1", [1])])
    with pytest.raises(UsageError, match="gives no rows"):
        on_engine([], (MAKE, None))


def test_a_url_that_cannot_be_used_is_told_without_its_password(do):
    for url, error in [
        ("nonsense://x", UsageError),
        ("://", UsageError),
        ("sqlite:////etc/passwd", RefusedError),
        ("postgresql+nodriver://u:abcdef@h/d", UsageError),
    ]:
        with pytest.raises(error) as told:
            do("sql", database=url, query="SELECT 1")
        assert "abcdef" not in str(told.value)
    with pytest.raises(UsageError, match="read_only is for SQLite"):
        do("sql", database="postgresql://h/d", query="SELECT 1", read_only=True)


@pytest.mark.slow
def test_a_statement_without_end_is_interrupted_through_a_driver_too(do):
    line, engine, at_work = Line(), sa.create_engine("sqlite://"), threading.Event()

    @sa.event.listens_for(engine, "connect")
    def connected(connection, _record):
        connection.create_function("at_work", 0, lambda: at_work.set() or 1)

    forever = FOREVER.replace("FROM n)", "FROM n WHERE at_work())")
    cutter = threading.Thread(target=lambda: (at_work.wait(120), line.cut()))
    cutter.start()
    with pytest.raises(StepError, match="query: interrupted"):
        work_on_engine(line, engine, (), (forever, None), 1)
    cutter.join()


def test_values_that_json_does_not_have_become_texts():
    row = (dt.date(2026, 1, 31), decimal.Decimal("1.50"), None)
    assert rows_as_mappings(["a", "b", "c"], [row], 1)["rows"] == [
        {"a": "2026-01-31", "b": "1.50", "c": None}
    ]
