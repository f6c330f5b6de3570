"""A canary secret, used in every way code lets one slip: not one reaches a log."""

from __future__ import annotations

import base64
import binascii
import html
import json
import pprint
import shlex
import subprocess
import sys
import textwrap
import traceback
import urllib.parse
from dataclasses import dataclass
from typing import NamedTuple

import pytest

from framework0.logs import StepLog, bind, capture_output, get_logger
from framework0.logs.loggers import forget_loggers
from framework0.secrets import Masker

CANARY = "c4n4ry'\"/+&ü secret-Value=9\\x"
FORBIDDEN = ["c4n4ry", "secret-Value", base64.b64encode(CANARY.encode()).decode()[:12], "YzRuNHJ5"]


@dataclass
class Settings:
    user: str
    token: str


class Pair(NamedTuple):
    user: str
    token: str


class Client:
    def __init__(self):
        self.token = CANARY

    def __repr__(self):
        return f"<Client {self.token}>"


def fail(error):
    raise error


def raised(error):
    try:
        fail(error)
    except ValueError:
        return traceback.format_exc()


def chained():
    try:
        try:
            fail(KeyError(CANARY))
        except KeyError as error:
            raise RuntimeError(f"login with {CANARY}") from error
    except RuntimeError:
        return traceback.format_exc()


def with_locals():
    def broken():
        token = CANARY
        raise ValueError(len(token))

    try:
        broken()
    except ValueError as error:
        return "".join(
            traceback.TracebackException.from_exception(error, capture_locals=True).format()
        )


def key_error():
    try:
        return {}[CANARY]
    except KeyError as error:
        return str(error)


def failed_process():
    return str(subprocess.CalledProcessError(1, ["curl", "-H", f"Authorization: {CANARY}"]))


WAYS = {
    "as it is": lambda: CANARY,
    "inside text": lambda: f"token={CANARY};",
    "twice": lambda: CANARY * 2,
    "repr": lambda: repr(CANARY),
    "ascii": lambda: ascii(CANARY),
    "format with width": lambda: f"{CANARY:>60}|",
    "percent r": lambda: "%r" % CANARY,  # noqa: UP031
    "bytes repr": lambda: repr(CANARY.encode()),
    "latin bytes as text": lambda: CANARY.encode().decode("utf-8"),
    "exception text": lambda: raised(ValueError(f"bad token {CANARY}")),
    "exception argument": lambda: raised(ValueError({"token": CANARY})),
    "chained exceptions": chained,
    "traceback with locals": with_locals,
    "key error": key_error,
    "failed process": failed_process,
    "object repr": lambda: repr(Client()),
    "dataclass": lambda: str(Settings("me", CANARY)),
    "named tuple": lambda: str(Pair("me", CANARY)),
    "dict": lambda: str({"token": CANARY}),
    "dict key": lambda: str({CANARY: 1}),
    "set": lambda: str({CANARY}),
    "json": lambda: json.dumps({"token": CANARY}),
    "json unicode": lambda: json.dumps([CANARY], ensure_ascii=False),
    "json indented": lambda: json.dumps({"a": {"b": [CANARY]}}, indent=4),
    "json in json": lambda: json.dumps({"body": json.dumps({"token": CANARY})}),
    "json in json in json": lambda: json.dumps(json.dumps(json.dumps(CANARY))),
    "pretty printed": lambda: pprint.pformat({"token": CANARY, "more": ["x" * 70, CANARY]}),
    "pretty printed narrow": lambda: pprint.pformat({"token": CANARY}, width=30),
    "url": lambda: "https://host/?q=" + urllib.parse.quote(CANARY),
    "url strict": lambda: urllib.parse.quote(CANARY, safe=""),
    "form": lambda: urllib.parse.urlencode({"token": CANARY}),
    "url lower case": lambda: "".join(
        f"%{byte:02x}" if chr(byte) in "'\"/+&= \\" or byte > 127 else chr(byte)
        for byte in CANARY.encode()
    ),
    "base64": lambda: base64.b64encode(CANARY.encode()).decode(),
    "base64 url": lambda: base64.urlsafe_b64encode(CANARY.encode()).decode(),
    "basic auth": lambda: "Basic " + base64.b64encode(f"user:{CANARY}".encode()).decode(),
    "basic auth longer": lambda: base64.b64encode(f"user1:{CANARY}:more".encode()).decode(),
    "basic auth longest": lambda: base64.b64encode(f"user12:{CANARY}".encode()).decode(),
    "base64 wrapped": lambda: base64.encodebytes(("x" * 40 + CANARY + "y" * 20).encode()).decode(),
    "hex": lambda: binascii.hexlify(CANARY.encode()).decode(),
    "html": lambda: html.escape(CANARY),
    "html attribute": lambda: f'<a title="{html.escape(CANARY, quote=True)}">',
    "shell quoted": lambda: shlex.quote(CANARY),
    "command line": lambda: shlex.join(["login", "--token", CANARY]),
    "wrapped": lambda: textwrap.fill("login with " + CANARY + " now", 20, break_long_words=True),
    "split in the middle": lambda: f"{CANARY[:14]}\n{CANARY[14:]}",
    "split and indented": lambda: f"    {CANARY[:12]}\n    {CANARY[12:]}",
    "stripped": lambda: f"<{CANARY.strip()}>",
}


def leaks(text):
    return [piece for piece in [CANARY, *FORBIDDEN] if piece in text]


@pytest.fixture(scope="module")
def masker():
    return Masker({"CANARY": CANARY})


def test_there_are_enough_ways():
    assert len(WAYS) >= 30


@pytest.mark.parametrize("way", WAYS)
def test_no_way_of_printing_it_reaches_the_log(way, masker, tmp_path):
    log = StepLog(tmp_path / "1.log", masker)
    text = WAYS[way]()
    with capture_output(), bind(log, "run", "step", 1):
        print(text)
        print(text, file=sys.stderr)
        sys.stdout.buffer.write(text.encode("utf-8", "replace") + b"\n")
    log.close()
    written = log.path.read_text()
    assert "***" in written
    assert leaks(written) == []


@pytest.mark.parametrize("way", WAYS)
def test_without_a_masker_it_would_have_been_there(way):
    """The negative control: each way really shows something of the secret."""
    text = WAYS[way]()
    assert text.strip()
    assert Masker({"CANARY": CANARY}).mask(text) != text


@pytest.mark.parametrize("style", ["human", "json"])
def test_no_way_of_logging_it_reaches_the_log(style, masker, tmp_path, monkeypatch):
    monkeypatch.setenv("FRAMEWORK0_LOG", style)
    log = StepLog(tmp_path / "1.log", masker)
    logger = get_logger("canary")
    try:
        with bind(log, "run", "step", 1):
            for way, make in WAYS.items():
                logger.warning("%s: %s", way, make())
            try:
                fail(ValueError(CANARY))
            except ValueError:
                logger.exception("failed with %r", CANARY)
    finally:
        forget_loggers()
        log.close()
    assert leaks(log.path.read_text()) == []


def test_it_does_not_reach_the_terminal_through_echo(masker, tmp_path, capsys):
    log = StepLog(tmp_path / "1.log", masker)
    with capture_output(echo=True), bind(log, "run", "step", 1):
        for make in WAYS.values():
            print(make())
    log.close()
    out, err = capsys.readouterr()
    assert leaks(out + err) == []


def test_what_a_child_process_prints_is_masked_too(masker, tmp_path):
    log = StepLog(tmp_path / "1.log", masker)
    code = "import os, sys; print(os.environ['CANARY']); print(repr(os.environ['CANARY']), file=sys.stderr)"
    with capture_output(), bind(log, "run", "step", 1):
        subprocess.run(
            [sys.executable, "-c", code],
            stdout=sys.stdout,
            stderr=sys.stderr,
            env={"CANARY": CANARY, "PYTHONUTF8": "1"},
            check=True,
        )
    log.close()
    written = log.path.read_text()
    assert written.count("***") == 2
    assert leaks(written) == []


def test_a_stored_value_holds_none_of_it(masker):
    value = {"ways": {way: make() for way, make in WAYS.items()}, CANARY: [CANARY, {"x": CANARY}]}
    assert leaks(json.dumps(masker.mask_value(value), ensure_ascii=False)) == []
