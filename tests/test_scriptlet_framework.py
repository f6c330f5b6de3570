"""Scriptlets through their documented path, and the example scriptlets of this workspace."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework0.errors import ScriptletError
from framework0.scriptlets import perform, unregister
from orchestrator.context import Context
from scriptlets.analysis.analyzer import DataAnalyzerScriptlet, figures
from scriptlets.combiners import CombinerScriptlet
from scriptlets.data.cleaner import DataCleanerScriptlet, converted
from scriptlets.data.loader import DataLoaderScriptlet
from scriptlets.framework import BaseScriptlet, ExecutionContext, register_scriptlet
from scriptlets.numbers import keep, mean, total
from scriptlets.plugins.checksum import ChecksumScriptlet
from scriptlets.processors import ProcessorAScriptlet, ProcessorBScriptlet
from scriptlets.report import describe
from scriptlets.setup import SetupScriptlet


@pytest.fixture
def context():
    """An empty context."""
    return Context()


@pytest.fixture
def table(tmp_path):
    """Write a CSV file and return its path as text."""

    def write(text):
        path = tmp_path / "table.csv"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_a_scriptlet_shares_what_it_finds_and_returns_its_result(context):
    class Doubler(BaseScriptlet):
        def run(self, context, params):
            context.set("doubled", [number * params["factor"] for number in context.get("numbers")])
            return {"status": "success", "seconds": self.get_execution_time()}

    context.set("numbers", [1, 2])
    result = perform(Doubler(), context, {"factor": 2})
    assert context.get("doubled") == [2, 4]
    assert result["seconds"] >= 0


def test_a_registered_class_stays_the_class_it_was():
    try:
        registered = register_scriptlet(name="of_this_test")(
            type("Mine", (BaseScriptlet,), {"run": run})
        )
    finally:
        unregister("of_this_test")
    assert registered.__name__ == "Mine"


def run(self, context, params):
    """Be the run of a class made in a test."""


def test_what_is_no_scriptlet_is_refused_when_it_is_registered():
    with pytest.raises(ScriptletError, match="run"):
        register_scriptlet(type("Empty", (BaseScriptlet,), {}))


def test_scriptlets_that_depend_on_each_other_run_in_order_from_python_alone(context):
    together = ExecutionContext(context)
    setup = together.add(SetupScriptlet)
    squares = together.add(ProcessorAScriptlet, depends_on=[setup])
    totals = together.add(ProcessorBScriptlet, depends_on=[setup])
    together.add(CombinerScriptlet, depends_on=[squares, totals])
    report = together.run()
    assert report.ok
    assert context.get("pipeline.combined")[2] == {"square": 9, "total": 6}


def test_a_csv_file_becomes_rows_of_text(context, table):
    result = perform(DataLoaderScriptlet(), context, {"source": table("a,b\n1,x\n2\n")})
    assert (result["rows"], result["columns"]) == (2, ["a", "b"])
    assert context.get("data.rows") == [{"a": "1", "b": "x"}, {"a": "2", "b": ""}]


def test_the_marks_that_a_spreadsheet_puts_first_are_no_part_of_the_first_column(context, table):
    perform(DataLoaderScriptlet(), context, {"source": table("\ufeffa,b\r\n1,2\r\n")})
    assert context.get("data.columns") == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "told"), [("", "is empty"), ("a,b\n1,2\n1,2,3\n", r"table\.csv:3: more values")]
)
def test_a_file_that_is_no_table_is_refused_with_its_place(context, table, text, told):
    with pytest.raises(ValueError, match=told):
        perform(DataLoaderScriptlet(), context, {"source": table(text)})
    assert context.get("data.rows") is None


def test_a_source_that_is_not_there_and_one_that_is_not_given_are_named(context):
    with pytest.raises(FileNotFoundError, match=r"absent\.csv"):
        perform(DataLoaderScriptlet(), context, {"source": "absent.csv"})
    with pytest.raises(ScriptletError, match="source is missing"):
        perform(DataLoaderScriptlet(), context, {})


def test_the_workspace_finds_its_own_data_from_any_folder(context, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = perform(
        DataLoaderScriptlet(), context, {"source": "orchestrator/recipes/data/deliveries.csv"}
    )
    assert result["rows"] == 240


def test_incomplete_rows_go_and_numbers_become_numbers(context):
    context.set(
        "data.rows",
        [
            {"name": " ada ", "amount": "3"},
            {"name": "bob", "amount": ""},
            {"name": "cid", "amount": "n/a"},
            {"name": "dee", "amount": "2.5"},
            {"name": "eve", "amount": "inf"},
            {"name": "fay", "amount": "4"},
        ],
    )
    result = perform(DataCleanerScriptlet(), context, {})
    assert [row["name"] for row in context.get("data.clean")] == ["ada", "dee", "fay"]
    assert [row["amount"] for row in context.get("data.clean")] == [3, 2.5, 4]
    assert (result["kept"], result["dropped"], context.get("data.dropped")) == (3, 3, 3)


@given(st.text())
def test_whatever_stands_in_a_cell_becomes_a_finite_number_or_text(text):
    value = converted(text)
    assert isinstance(value, (int, float, str))
    assert isinstance(value, str) or math.isfinite(value)


def test_the_analysis_writes_figures_per_column_and_per_group(context):
    context.set(
        "data.clean",
        [{"city": "Oslo", "n": 1}, {"city": "Bergen", "n": 2}, {"city": "Oslo", "n": 6}],
    )
    perform(DataAnalyzerScriptlet(), context, {"by": "city"})
    assert context.get("statistics.n") == {
        "count": 3, "minimum": 1, "median": 2, "mean": 3.0, "maximum": 6, "deviation": 2.6458,
    }  # fmt: skip
    assert context.get("statistics.n.Oslo")["median"] == 3.5
    assert context.get("statistics.n.Bergen")["deviation"] == 0.0
    assert context.keys("statistics.**") == [
        "statistics.n",
        "statistics.n.Bergen",
        "statistics.n.Oslo",
    ]


def test_an_analysis_of_nothing_is_an_error_that_says_what_is_missing(context):
    with pytest.raises(ValueError, match=r"data\.clean"):
        perform(DataAnalyzerScriptlet(), context, {})


@given(st.lists(st.floats(-1e9, 1e9), min_size=1))
def test_the_figures_lie_where_they_must(values):
    found = figures(values, 6)
    assert found["count"] == len(values)
    assert found["minimum"] - 1e-6 <= found["median"] <= found["maximum"] + 1e-6
    assert found["minimum"] - 1e-6 <= found["mean"] <= found["maximum"] + 1e-6
    assert found["deviation"] >= 0


def test_results_of_different_length_are_not_combined(context):
    context.set("pipeline.squares", [1, 4])
    context.set("pipeline.totals", [1])
    with pytest.raises(ValueError, match="2 squares do not pair with 1 totals"):
        perform(CombinerScriptlet(), context, {})


def test_a_checksum_is_that_of_the_file(context, table):
    perform(ChecksumScriptlet(), context, {"files": [table("a\n")]})
    assert context.get("checksum.table.csv") == (
        "87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7"
    )


def test_plain_functions_keep_add_and_average(context):
    assert keep(context, [1, 2, 6]) == 3
    assert (total(context), mean(context)) == (9, 3)
    assert (context.get("numbers.total"), context.get("numbers.mean")) == (9, 3)


def test_there_is_no_mean_of_nothing(context):
    with pytest.raises(ValueError, match="keep some first"):
        mean(context)


def test_the_report_prints_one_line_and_knows_when_there_is_nothing_to_report(context, capsys):
    context.set("statistics.n", figures([1, 2, 3], 2))
    assert describe(context, "n") == "all: 3 values of n, median 2, from 1 to 3"
    assert capsys.readouterr().out == "all: 3 values of n, median 2, from 1 to 3\n"
    with pytest.raises(KeyError, match=r"statistics\.n\.Oslo is not in the context"):
        describe(context, "n", "Oslo")
