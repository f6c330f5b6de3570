"""``framework0 version``: what a bug report needs."""

from __future__ import annotations

import json
import sqlite3
import sys

import pytest

import framework0 as package

pytestmark = pytest.mark.measured


def test_the_version_is_shown_with_what_it_runs_on(framework0):
    said = framework0("version")
    assert said.code == 0
    facts = dict(line.split(maxsplit=1) for line in said.stdout.splitlines())
    assert facts["framework0"] == package.__version__
    assert facts["sqlite"] == sqlite3.sqlite_version
    assert sys.executable in facts["python"]


def test_json_says_the_same(framework0):
    facts = json.loads(framework0("version", "--json").stdout)
    assert facts["framework0"] == package.__version__
    assert set(facts) == {"framework0", "from", "python", "sqlite", "system"}
