"""``python -m framework0`` is the ``framework0`` command."""

from __future__ import annotations

from framework0.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
