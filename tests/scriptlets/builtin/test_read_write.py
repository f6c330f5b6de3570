from __future__ import annotations

import io
import os
import resource
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework0.errors import RefusedError, ScriptletError, UsageError
from framework0.scriptlets.builtin.rows import BrokenFile, csv_rows
from framework0.scriptlets.builtin.texts import csv_text, json_text
from tests.conftest import REPOSITORY

ROWS = [{"name": 'é, "x"\nz', "count": 3}, {"name": "", "count": None}]


def text(path, content, encoding="utf-8"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode(encoding))


@pytest.mark.parametrize(
    "name", ["rows.csv", "rows.tsv", "rows.jsonl", "rows.parquet", "rows.json"]
)
def test_what_is_written_is_read_again(do, name):
    written = do("write", path=f"out/{name}", value=ROWS)
    assert written.get("count", 2) == 2
    columns = {"count": "integer"} if "sv" in name else None
    found = do("read", path=f"out/{name}", **({"columns": columns} if columns else {}))
    assert found.get("rows", found.get("value")) == ROWS
    assert found["format"] == written["format"]


@pytest.mark.slow
@given(
    st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=2))
)
def test_any_text_survives_csv(rows):
    named = [{"a": row[0], "b": row[1]} for row in rows]
    content = csv_text(named, ["a", "b"], ",", header=True)
    assert list(csv_rows(io.StringIO(content, newline=""), "f", ",", {}, header=True)) == named


@pytest.mark.slow
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_a_line_of_json_is_one_line(value):
    assert json_text(value, None).count("\n") == 1


def test_columns_get_the_types_they_are_given(do, space):
    text(
        space / "a.csv",
        "i,n,b,d,t\n 7 ,1.5,TRUE,2026-01-31,7\n,,,,\n2,3,false,2026-01-31T10:00:00,x\n",
    )
    types = {"i": "integer", "n": "number", "b": "boolean", "d": "date", "t": "string"}
    rows = do("read", path="a.csv", columns=types)["rows"]
    assert rows == [
        {"i": 7, "n": 1.5, "b": True, "d": "2026-01-31", "t": "7"},
        {"i": None, "n": None, "b": None, "d": None, "t": ""},
        {"i": 2, "n": 3, "b": False, "d": "2026-01-31T10:00:00", "t": "x"},
    ]


def test_what_means_nothing_is_null_where_a_column_is_no_text(do, space):
    text(space / "a.csv", "a,b\nn/a,n/a\n1,-\n")
    rows = do("read", path="a.csv", columns={"b": "integer"}, nulls=["n/a", "-"])["rows"]
    assert rows == [{"a": "n/a", "b": None}, {"a": "1", "b": None}]


@pytest.mark.parametrize(
    ("content", "columns", "words"),
    [
        ("a,b\n1,2\n1\n", {}, "a.csv:3: 1 fields, where the header has 2"),
        ("a,b\n1,x\n", {"b": "integer"}, "a.csv:2: column 'b' holds 'x', which is no integer"),
        ("a,b\n1,1_0\n", {"b": "integer"}, "a.csv:2: column 'b'"),
        ("a,b\n1,٣\n", {"b": "number"}, "a.csv:2: column 'b'"),
        ("a,b\n1,nan\n", {"b": "number"}, "a.csv:2: column 'b'"),
        ("a,b\n1,1e999\n", {"b": "number"}, "a.csv:2: column 'b'"),
        ("a,b\n1,yes\n", {"b": "boolean"}, "a.csv:2: column 'b'"),
        ("a,b\n1,31.1.2026\n", {"b": "date"}, "a.csv:2: column 'b'"),
        ("a,b\n", {"bb": "integer"}, "a.csv:1: there is no column 'bb' .did you mean 'b'"),
        ("a,b\n", {"zzzz": "integer"}, "it has a, b"),
        ("a,a\n1,2\n", {}, "a.csv:1: two columns are called 'a'"),
        ('a,b\n1,"2\n', {}, "a.csv:2: unexpected end of data"),
        ('a,b\n1,"' + "x" * 1_100_000 + '"\n', {}, "a.csv:2: field larger"),
        ("", {"a": "integer"}, "a.csv:1: it has no header"),
    ],
)
def test_a_broken_line_of_csv_is_located(do, space, content, columns, words):
    text(space / "a.csv", content)
    with pytest.raises(BrokenFile, match=words):
        do("read", path="a.csv", columns=columns)


def test_a_broken_line_of_json_is_located(do, space):
    text(space / "a.jsonl", '{"a": 1}\n\n{"a": }\n')
    text(space / "a.json", '{\n "a": 1,\n "b" 2}')
    text(space / "twice.json", '{"a": 1, "a": 2}')
    with pytest.raises(BrokenFile, match=r"a\.jsonl:3: Expecting value"):
        do("read", path="a.jsonl")
    with pytest.raises(BrokenFile, match=r"a\.json:3:6: "):
        do("read", path="a.json")
    with pytest.raises(BrokenFile, match="'a' stands in it twice"):
        do("read", path="twice.json")


def test_bytes_of_another_encoding_are_located(do, space):
    (space / "a.csv").write_bytes(b"a,b\n1,2\n3,\xe9\n")
    with pytest.raises(BrokenFile, match=r"a\.csv:3: byte 0xe9 is no utf-8: set `encoding`"):
        do("read", path="a.csv")
    assert do("read", path="a.csv", encoding="latin-1")["rows"][1] == {"a": "3", "b": "é"}
    (space / "b.txt").write_bytes(b"\xff\xfea")
    with pytest.raises(BrokenFile, match=r"b\.txt"):
        do("read", path="b.txt", encoding="utf-16")
    text(space / "bom.csv", "\ufeffa,b\n1,2\n")
    assert do("read", path="bom.csv")["rows"] == [{"a": "1", "b": "2"}]


def test_what_is_no_parquet_is_told(do, space):
    text(space / "a.parquet", "PAR1 nonsense PAR1")
    with pytest.raises(BrokenFile, match=r"a\.parquet: it is no Parquet"):
        do("read", path="a.parquet")


def test_dates_and_decimals_of_parquet_become_texts(do, space):
    import datetime as dt
    import decimal

    import pyarrow as pa
    from pyarrow import parquet

    table = {
        "day": [dt.date(2026, 1, 31)],
        "money": [decimal.Decimal("1.50")],
        "list": [[1, 2]],
        "map": [{"a": 1}],
    }
    parquet.write_table(pa.table(table), space / "a.parquet")
    assert do("read", path="a.parquet")["rows"] == [
        {"day": "2026-01-31", "money": "1.50", "list": [1, 2], "map": {"a": 1}}
    ]
    parquet.write_table(pa.table({"raw": [b"x"]}), space / "b.parquet")
    with pytest.raises(BrokenFile, match="column 'raw' holds a bytes"):
        do("read", path="b.parquet")


def test_only_as_much_is_read_as_is_allowed(do, space):
    text(space / "a.csv", "a\n1\n2\n3\n")
    assert do("read", path="a.csv", limit=2)["rows"] == [{"a": "1"}, {"a": "2"}]
    assert do("read", path="a.csv", limit=0)["count"] == 0
    with pytest.raises(UsageError, match="8 bytes, more than max_bytes"):
        do("read", path="a.csv", max_bytes=7)


def test_rows_without_names(do, space):
    text(space / "a.csv", "1;2\n3;4\n")
    assert do("read", path="a.csv", header=False, delimiter=";")["rows"] == [["1", "2"], ["3", "4"]]
    do("write", path="b.csv", value=[[1, True], [None, 2.5]], columns=["a", "b"])
    assert (space / "b.csv").read_text() == "a,b\n1,true\n,2.5\n"


def test_values_go_into_the_context(do, space, context):
    text(space / "a.json", '{"a": [1]}')
    text(space / "a.txt", "words")
    assert "value" not in do("read", path="a.json", into="data")
    do("read", path="a.txt", into="words")
    assert (context.get("data"), context.get("words")) == ({"a": [1]}, "words")


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"path": "a.csv", "value": 3}, "list of rows"),
        ({"path": "a.csv", "value": [1]}, r"value\[0\] is a int"),
        ({"path": "a.csv", "value": [{}, []]}, r"value\[1\] is a list"),
        ({"path": "a.csv", "value": [{"a": []}]}, r"value\[0\] holds a list"),
        ({"path": "a.csv", "value": [[1]], "columns": ["a", "b"]}, "1 fields"),
        ({"path": "a.csv", "value": [{}], "columns": []}, "different names"),
        ({"path": "a.json", "value": float("inf")}, "value is no JSON"),
        ({"path": "a.jsonl", "value": [float("nan")]}, r"value\[0\] is no JSON"),
        ({"path": "a.jsonl", "value": {}}, "a line for each"),
        ({"path": "a.txt", "value": {}}, "value must be a text"),
        ({"path": "a.txt", "value": "é", "encoding": "ascii"}, "ascii cannot hold"),
        ({"path": "a.txt", "value": "é", "encoding": "ebcdoc"}, "'ebcdoc' is unknown"),
        ({"path": "a.txt", "value": "é", "encoding": "hex"}, "none of texts"),
        ({"path": "a.parquet", "value": [[1]]}, "rows without names"),
        ({"path": "a.parquet", "value": [{"a": 1}, {"a": "x"}]}, "column 'a' holds values of"),
        ({"path": "a.parquet", "value": []}, "no columns"),
        ({"path": "a.what", "value": 3}, "has no ending"),
        ({"path": "a.csv", "value": [], "delimiter": "ab"}, "delimiter must be"),
    ],
)
def test_a_value_the_format_cannot_hold_leaves_no_file(do, space, params, words):
    with pytest.raises(UsageError, match=words):
        do("write", **params)
    assert os.listdir(space) == [".framework0"]


@pytest.mark.parametrize(
    "path",
    ["../outside.txt", "/etc/hostname", "a/../../outside.txt", "link.txt", "folder/outside.txt"],
)
def test_nothing_outside_of_the_workspace_is_read_or_written(do, space, path):
    (space / "a").mkdir()
    (space / "link.txt").symlink_to(space.parent / "outside.txt")
    (space / "folder").symlink_to(space.parent)
    with pytest.raises(RefusedError, match="outside of the folders"):
        do("read", path=path, format="text")
    with pytest.raises(RefusedError, match="outside of the folders"):
        do("write", path=path, format="text", value="x")
    assert (space.parent / "outside.txt").read_text() == "outside"


def test_the_state_and_the_settings_are_not_touched(do, space):
    (space / "framework0.toml").write_text("grace = 1\n")
    for verb, more in (("read", {}), ("write", {"value": "x"})):
        with pytest.raises(RefusedError, match="state folder"):
            do(verb, path=".framework0/kept.txt", format="text", **more)
    with pytest.raises(RefusedError, match="settings"):
        do("write", path="framework0.toml", format="text", value="[files]\nroots=['/']")
    assert do("read", path="framework0.toml", format="text")["text"] == "grace = 1\n"


def test_further_folders_are_allowed_by_the_settings(do, space):
    (space / "framework0.toml").write_text("[files]\nroots = ['.', '..']\n")
    assert do("read", path="../outside.txt")["text"] == "outside"
    (space / "framework0.toml").write_text("[files]\nroots = ['data']\n")
    with pytest.raises(RefusedError, match="outside"):
        do("write", path="a.txt", value="x")


def test_what_is_no_regular_file_is_refused(do, space):
    os.mkfifo(space / "pipe.txt")
    (space / "folder.txt").mkdir()
    for path in ("pipe.txt", "folder.txt"):
        with pytest.raises((UsageError, OSError)):
            do("read", path=path)
        with pytest.raises(UsageError, match="no regular file"):
            do("write", path=path, value="x")
    with pytest.raises(FileNotFoundError, match=r"missing\.txt"):
        do("read", path="missing.txt")
    with pytest.raises(UsageError, match="no path"):
        do("read", path="", format="text")


def test_a_file_is_not_replaced_unless_that_is_wanted(do, space):
    do("write", path="a.txt", value="one")
    (space / "a.txt").chmod(0o640)
    with pytest.raises(FileExistsError, match="overwrite: true"):
        do("write", path="a.txt", value="two", overwrite=False)
    assert (space / "a.txt").read_text() == "one"
    do("write", path="a.txt", value="two")
    assert (space / "a.txt").stat().st_mode & 0o777 == 0o640
    do("write", path="b.txt", value="new", overwrite=False)
    assert sorted(os.listdir(space)) == [".framework0", "a.txt", "b.txt"]


def test_a_misspelt_param_is_told_with_its_near_name(do):
    with pytest.raises(ScriptletError, match="did you mean columns"):
        do("read", path="a.csv", colums={})


FULL = """
import resource, signal, sys
from framework0.scriptlets import UserCode, get_scriptlet, perform
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
with UserCode([sys.argv[1]]):
    try:
        perform(get_scriptlet("write"), None, {"path": "a.txt", "value": "x" * 5000})
    except OSError as error:
        print("told:", error.strerror)
"""


@pytest.mark.slow
def test_a_full_disk_leaves_the_old_content(do, space):
    do("write", path="a.txt", value="old")
    ended = subprocess.run(
        [sys.executable, "-c", FULL, str(space)],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        check=False,
    )
    assert ended.stdout == "told: File too large\n", ended.stderr
    assert (space / "a.txt").read_text() == "old"
    assert sorted(os.listdir(space)) == [".framework0", "a.txt"]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 1000
