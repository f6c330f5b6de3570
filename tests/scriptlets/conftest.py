"""A clean registry, and workspaces of real files to find scriptlets in."""

from __future__ import annotations

import textwrap

import pytest

from framework0.scriptlets import registry


@pytest.fixture(autouse=True)
def clean_registry(monkeypatch):
    monkeypatch.setattr(registry, "_entries", {})
    monkeypatch.setattr(registry, "_files", {})


@pytest.fixture
def workspace(tmp_path):
    """Return a function that writes ``{path: text}`` below a root and returns the root."""

    def make(files, name="workspace"):
        root = tmp_path / name
        root.mkdir(exist_ok=True)
        for path, text in files.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(text), encoding="utf-8")
        return root

    return make
