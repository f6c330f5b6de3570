"""Stores in real files, and processes that use them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from framework0.context import Author, Write
from framework0.context.persist import SQLiteStore
from tests.conftest import REPOSITORY

BY = Author("test")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "contexts" / "shared.db"


@pytest.fixture
def open_store(path):
    """Open the store again and again; what is still open at the end is closed."""
    opened = []

    def again(**options):
        store = SQLiteStore(path, **options)
        opened.append(store)
        return store

    yield again
    for store in opened:
        store.close()


@pytest.fixture
def python():
    """Run a text in a fresh interpreter and return what it printed."""

    def run(text, *arguments, code=0):
        ended = subprocess.run(
            [sys.executable, "-c", text, *map(str, arguments)],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert ended.returncode == code, ended.stdout + ended.stderr
        return ended.stdout

    return run


def environment():
    return {**os.environ, "PYTHONPATH": str(REPOSITORY)}


def put(store, key, value, at=1.0, **more):
    return store.apply((Write(key, value),), BY, at, **more)[0]


def remove(store, key):
    return store.apply((Write(key, removed=True),), BY, 1.0)
