"""A store in a folder of the test's own, and the look a later process has at it."""

from __future__ import annotations

import pytest

from framework0.artifacts import Artifacts


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "artifacts"


@pytest.fixture
def store(folder):
    return Artifacts(folder)


@pytest.fixture
def later(folder):
    """The store as a process sees it that has written and verified nothing yet."""
    return lambda **more: Artifacts(folder, **more)


def files_in(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())
