from __future__ import annotations

import sys
from pathlib import Path
from textwrap import dedent

import pytest

from framework0.source import Sources


class Tree:
    """A workspace under construction: files by name, and fresh answers about them."""

    def __init__(self, root):
        self.root = root

    def write(self, **files):
        """Write files; ``__`` in a name is a folder, so ``pkg__mod`` is ``pkg/mod.py``."""
        for name, text in files.items():
            self.file(name.replace("__", "/").replace("/init/", "__init__") + ".py", text)
        return self

    def file(self, path, text):
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text if isinstance(text, bytes) else dedent(text).encode())
        return target

    @property
    def sources(self):
        return Sources([self.root])

    def signature(self, module, function):
        return self.sources.signature(module, function)

    def facts(self, module, function):
        return self.sources.facts(module, function)


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Start an empty workspace, with this repository's own workspace folders out of the way.

    A test that wants more on the path sets ``sys.path`` anew in the same way: ``syspath_prepend`` would
    put the entries of now into the list of before when it is undone, for all tests that follow.
    """
    entries = [entry for entry in sys.path if not (Path(entry) / "scriptlets").is_dir()]
    monkeypatch.setattr(sys, "path", entries)
    return Tree(tmp_path)
