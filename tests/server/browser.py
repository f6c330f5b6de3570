"""A real browser without a screen, driven over its DevTools protocol."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from websockets.sync.client import connect

_BROUGHT = Path(__file__).resolve().parents[2] / ".engines"
_QUIET = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
          "--no-first-run", "--disable-extensions", "--disable-background-networking",
          "--no-proxy-server", "--disable-component-update", "--hide-scrollbars")  # fmt: skip
_PATIENCE = 120


class Browser:
    """One browser with one page; ``trouble`` is what its policy refused and what its scripts raised."""

    def __init__(self):
        self._open = ExitStack()
        self._answers = {}
        self._number = 0
        self._session = None
        self._connection = None
        self.trouble = []
        self.dialogs = []
        self.requested = []

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(self, *_):
        self._open.close()

    def _start(self):
        home = Path(self._open.enter_context(TemporaryDirectory(ignore_cleanup_errors=True)))
        program, libraries = _program()
        environment = {**os.environ, **libraries, "HOME": str(home), "XDG_CONFIG_HOME": str(home)}
        log = self._open.enter_context((home / "log").open("wb"))
        process = subprocess.Popen(
            [program, *_QUIET, "--remote-debugging-port=0",
             f"--user-data-dir={home}/profile", "about:blank"],
            env=environment, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        self._open.callback(process.wait)
        # The program may be a script around the browser, which would outlive it.
        self._open.callback(_end_group, process.pid)
        told = home / "profile" / "DevToolsActivePort"
        self.wait(
            lambda: process.poll() is not None or (told.exists() and "\n" in told.read_text())
        )
        assert process.poll() is None, (home / "log").read_text()
        port, path = told.read_text().split()[:2]
        self._connection = self._open.enter_context(
            connect(
                f"ws://127.0.0.1:{port}{path}",
                max_size=None,
                compression=None,
                proxy=None,
                open_timeout=_PATIENCE,
            )
        )
        found = self.do("Target.createTarget", url="about:blank")
        attached = self.do("Target.attachToTarget", targetId=found["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Audits"):
            self.do(f"{domain}.enable")
        self.do("Emulation.setDeviceMetricsOverride", width=1280, height=800,
                deviceScaleFactor=1, mobile=False)  # fmt: skip

    def do(self, method, **parameters):
        """Send a command and return its result; events that come meanwhile are taken note of."""
        self._number += 1
        said = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            said["sessionId"] = self._session
        self._connection.send(json.dumps(said))
        while True:
            heard = json.loads(self._connection.recv(timeout=_PATIENCE))
            if heard.get("id") == self._number:
                refused = heard.get("error", {}).get("message", "")
                if "navigated" in refused or "context" in refused:
                    raise Elsewhere(method, heard)
                assert "error" not in heard, (method, heard)
                return heard["result"]
            self._note(heard)

    def _note(self, event):
        method, parameters = event.get("method", ""), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.trouble.append(json.dumps(parameters["exceptionDetails"]))
        elif method == "Log.entryAdded" and parameters["entry"]["source"] == "security":
            self.trouble.append(parameters["entry"]["text"])
        elif method == "Audits.issueAdded":
            issue = parameters["issue"]
            # Going on without a click is what the page on the way in is for.
            if "NavigationEntryMarkedSkippable" not in json.dumps(issue):
                self.trouble.append(json.dumps(issue))
        elif method == "Page.javascriptDialogOpening":
            self.dialogs.append(parameters["message"])
        elif method == "Network.requestWillBeSent":
            self.requested.append(parameters["request"]["url"])

    def open(self, address):
        """Open ``address`` as a person does."""
        self.do("Page.navigate", url=address)

    def look(self, script):
        """Return what an expression stands for in the page."""
        found = self.do(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def text(self):
        return self.look("document.body ? document.body.innerText : ''")

    def wait(self, holds, what=""):
        """Wait until ``holds()``."""
        end = time.monotonic() + _PATIENCE
        while not _so_far(holds):
            assert time.monotonic() < end, what() if callable(what) else what
            time.sleep(0.02)

    def sees(self, text):
        """Wait until the page shows ``text``."""
        self.wait(lambda: text in self.text(), lambda: f"{text!r} is not in: {self.text()}")

    def picture(self, path, *, dark=False, width=1280, height=800):
        """Write a picture of the page to ``path``."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.do("Emulation.setEmulatedMedia", features=[scheme])
        self.do("Emulation.setDeviceMetricsOverride", width=width, height=height,
                deviceScaleFactor=1, mobile=False)  # fmt: skip
        shot = self.do("Page.captureScreenshot", format="png")
        Path(path).write_bytes(base64.b64decode(shot["data"]))


def _end_group(leader):
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def _program():
    """Return the browser's program and what it needs in its environment; `make test` has brought it."""
    found = shutil.which("chromium-headless-shell")
    if found:
        return found, {}
    # Debian's own starter knows the place in which a system has it, and no other.
    brought = _BROUGHT / "usr/lib/chromium" / "chromium-headless-shell"
    assert brought.exists(), "chromium-headless-shell is missing: make test installs it"
    # Some of what it needs is in a folder of its own.
    folders = sorted({str(library.parent) for library in _BROUGHT.rglob("*.so*")})
    return str(brought), {"LD_LIBRARY_PATH": os.pathsep.join(folders)}


class Elsewhere(Exception):
    """The page that was asked something is just being left for another one."""


def _so_far(holds):
    """Return whether ``holds()``; a page on its way to another one does not yet."""
    try:
        return holds()
    except Elsewhere:
        return False
