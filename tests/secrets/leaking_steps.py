"""Steps that let a secret slip in every way that code does; copied into the workspace of a test."""

from __future__ import annotations

import base64
import json
import logging
import os
import subprocess
import sys
import urllib.parse
import warnings


def take(token, way):
    """Let ``token`` slip in the way of that name; what is returned or raised is part of it."""
    return WAYS[way](token)


def take_context(context, token, way):
    """As :func:`take`, by way of the context."""
    return CONTEXT_WAYS[way](context, token)


def _raise(error):
    raise error


def _chained(token):
    try:
        _raise(KeyError(token))
    except KeyError as error:
        raise RuntimeError("in another") from error


def _logged(token):
    from framework0.logs import get_logger

    logger = get_logger("leaking")
    logger.warning("token %s and %r", token, {"token": token})
    logging.getLogger("leaking.below").error("below %s", token)
    try:
        _raise(ValueError(token))
    except ValueError:
        logger.exception("failed")


def _printed_in_pieces(token):
    sys.stdout.write(token[:12])
    sys.stdout.flush()
    sys.stdout.write(token[12:] + "\n")
    print(token[:14] + "\n" + token[14:])


def _in_a_child(token):
    code = "import os, sys; print(os.environ['T']); print(repr(os.environ['T']), file=sys.stderr)"
    subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "T": token, "PYTHONUTF8": "1"},
        stdout=sys.stdout,
        stderr=sys.stderr,
        check=True,
    )


def _from_a_file_of_that_name(token):
    exec(compile("raise ValueError('in a file')", f"{token}.py", "exec"), {})


def _array(token):
    import numpy as np

    return np.array([token] * 3)


class Unkept:
    """Nothing that a journal takes."""


WAYS = {
    "print": print,
    "print to stderr": lambda token: print(token, file=sys.stderr),
    "raw bytes": lambda token: sys.stdout.buffer.write(token.encode() + b"\n"),
    "in pieces": _printed_in_pieces,
    "repr": lambda token: print(repr(token)),
    "base64": lambda token: print(base64.b64encode(f"user:{token}".encode()).decode()),
    "url": lambda token: print("https://host/?q=" + urllib.parse.quote(token)),
    "hex": lambda token: print(token.encode().hex()),
    "json in json": lambda token: print(json.dumps({"body": json.dumps({"token": token})})),
    "logged": _logged,
    "a warning": lambda token: warnings.warn(f"bad token {token}", stacklevel=1),
    "a child": _in_a_child,
    "an exception": lambda token: _raise(ValueError(f"bad token {token}")),
    "an exception's argument": lambda token: _raise(ValueError({"token": token})),
    "a chain of exceptions": _chained,
    "a key error": lambda token: {}[token],
    "a class of that name": lambda token: _raise(type(f"E{token}", (Exception,), {})("no")),
    "a note": lambda token: _raise(_noted(token)),
    "a file of that name": _from_a_file_of_that_name,
    "an exit": sys.exit,
    "a result": lambda token: token,
    "a nested result": lambda token: {"a": [{"b": token}]},
    "a result's key": lambda token: {token: 1},
    "a large result": lambda token: [token] * 20_000,
    "a result of bytes": lambda token: token.encode() * 3,
    "an array": _array,
    "a result that is not kept": lambda token: {token: Unkept()},
    "a status": lambda token: {"status": "failed", "message": token},
}


def _noted(token):
    error = ValueError("with a note")
    error.add_note(token)
    return error


CONTEXT_WAYS = {
    "a value": lambda context, token: context.set("c.value", token),
    "a nested value": lambda context, token: context.set("c.nested", {"a": [token]}),
    "a value's key": lambda context, token: context.set("c.keyed", {token: 1}),
    "a key": lambda context, token: context.set(f"c.{token}", 1),
    "a large value": lambda context, token: context.set("c.large", [token] * 20_000),
    "a value set and deleted": lambda context, token: (
        context.set("c.gone", token),
        context.delete("c.gone"),
    ),
    "a value taken back": lambda context, token: (
        context.set("c.back", token),
        _raise(ValueError("taken back")),
    ),
    "a value refused": lambda context, token: context.set("c.refused", {token: Unkept()}),
    "a key refused": lambda context, token: context.set(f"{token}\n", 1),
}
