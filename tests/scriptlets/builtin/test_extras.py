"""Without an extra, one sentence says what to install."""

from __future__ import annotations

import sys

import pytest

from framework0.errors import UsageError


@pytest.mark.parametrize(
    ("module", "kind", "params", "words"),
    [
        ("pyarrow", "read", {"path": "a.parquet"}, r"framework0\[tables\]"),
        ("pyarrow", "write", {"path": "b.parquet", "value": [{"a": 1}]}, r"framework0\[tables\]"),
        ("sqlalchemy", "sql", {"database": "x://y", "query": "SELECT 1"}, r"framework0\[sql\]"),
        ("apprise", "notify", {"services": ["json://h"], "message": "x"}, r"framework0\[notify\]"),
    ],
)
def test_a_missing_extra_is_told(do, space, monkeypatch, module, kind, params, words):
    (space / "a.parquet").write_bytes(b"")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UsageError, match=words):
        do(kind, **params)
