"""A door loads a name when it is asked for, once, and knows no others."""

from __future__ import annotations

import subprocess
import sys

import pytest

import framework0.logs
from framework0.doors import opening


def test_a_name_is_loaded_from_its_home_and_is_the_doors_own_from_then_on():
    fetched = opening("framework0.logs", {"get_logger": "loggers"})
    vars(framework0.logs).pop("get_logger", None)
    found = fetched("get_logger")
    assert found.__module__ == "framework0.logs.loggers"
    assert vars(framework0.logs)["get_logger"] is found


def test_a_name_may_be_called_otherwise_where_it_lives():
    fetched = opening("framework0.recipe", {"text_width": "display"}, {"text_width": "width"})
    assert fetched("text_width").__name__ == "width"


def test_an_unknown_name_is_said_with_the_door():
    with pytest.raises(
        AttributeError, match=r"module 'framework0\.logs' has no attribute 'nothing'"
    ):
        opening("framework0.logs", {})("nothing")


def test_a_door_that_was_only_imported_has_loaded_nothing():
    code = "import sys, framework0.runner; print([n for n in sys.modules if 'runner.' in n])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"
