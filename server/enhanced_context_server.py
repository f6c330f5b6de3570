"""Serve shared contexts: ``python server/enhanced_context_server.py --port 8765``. Home: framework0.server."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from framework0.cli.serve import documented_main as documented_main
from framework0.server import ContextServer as EnhancedContextServer

__all__ = ["EnhancedContextServer", "documented_main"]

if __name__ == "__main__":
    raise SystemExit(documented_main())
