"""The service that the machine of this library deploys: it tells the prices of the release that is live.

    python service.py INSTANCE

INSTANCE is the folder with ``releases/`` and with ``live``, the file that names the release. Any free port
of this machine is taken and written to ``INSTANCE/service.port``. ``GET /prices`` answers with the prices;
``GET /health`` with 200 if all of them can be added up, else with 503 and the reason. SIGTERM and Ctrl-C
end it.
"""

from __future__ import annotations

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


def release_of(instance: Path) -> str:
    """Return the release that is live."""
    return (instance / "live").read_text(encoding="utf-8").strip()


def prices_of(instance: Path) -> dict[str, Any]:
    """Return the prices of the release that is live."""
    file = instance / "releases" / release_of(instance) / "prices.json"
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def health_of(instance: Path) -> tuple[int, dict[str, Any]]:
    """Return the status of the answer about the service's health, and what it says."""
    for name, price in prices_of(instance).items():
        if not isinstance(price, (int, float)):
            return 503, {"release": release_of(instance), "trouble": f"{name} costs {price!r}"}
    return 200, {"release": release_of(instance)}


def handler_of(instance: Path) -> type[BaseHTTPRequestHandler]:
    """Return the class that answers requests for the service in ``instance``."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/health":
                status, content = health_of(instance)
            elif self.path == "/prices":
                status, content = 200, prices_of(instance)
            else:
                status, content = 404, {"trouble": "there are /prices and /health"}
            body = json.dumps(content).encode("utf-8")
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *said: object) -> None:
            """Say nothing: the machine tells what it has asked."""

    return Handler


def main(instance: Path) -> None:
    """Serve until a signal ends it."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler_of(instance)) as server:
        draft = instance / "service.port.draft"
        draft.write_text(f"{server.server_address[1]}\n", encoding="utf-8")
        # In one piece, and only now: who finds the file finds a service that listens.
        os.replace(draft, instance / "service.port")
        server.serve_forever()


if __name__ == "__main__":
    if not sys.argv[1:]:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]).resolve())
