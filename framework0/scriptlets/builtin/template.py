"""``type: template``: a text file with ``${{ }}`` in it, filled in.

The language is the recipe's own. Jinja is not used, sandboxed or not: a template meets data that
came from elsewhere, and its sandbox bounds neither time nor memory (``{{ 'x' * 10**9 }}``), while an
expression here always ends, soon, with a bounded result, and reads nothing but plain data. What is
filled in is never looked through again. The one thing missing, a loop, is ``each``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, ClassVar, Final

from framework0.errors import ExpressionError, StepCancelled, UsageError
from framework0.scriptlets.base import BaseScriptlet
from framework0.scriptlets.parameters import Parameter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from framework0.recipe import Scope

LARGEST: Final = 1024 * 1024
"""Bytes of a template: a person wrote it."""

MOST_TEXT: Final = 64 * 1024 * 1024
"""Characters of what comes out."""


class Template(BaseScriptlet):
    """Fill in a template file, and keep the text as the result or in a file.

    In the template, ``${{ inputs.NAME }}`` is one of this step's ``inputs`` and ``${{ context['KEY'] }}`` a
    value of the context. With ``each``, the file is filled in once for every item, which is ``item``, its
    number ``index``. The result holds ``text``, or with ``to`` the ``path`` and its ``bytes``. Raises
    ExpressionError with file and line, UsageError, OSErrors and RefusedError (a path outside of the
    workspace).
    """

    name = "template"
    version = "1.0"
    parameters: ClassVar[Mapping[str, Any]] = {
        "path": Parameter(str, description="the template file"),
        "to": Parameter(
            str, required=False, description="the file for the text, replaced as a whole"
        ),
        "inputs": Parameter(dict, required=False, description="values it reads, as inputs.NAME"),
        "each": Parameter(
            list, required=False, description="items: filled in once for each, as item and index"
        ),
        "join": Parameter(
            str, default="", description="what stands between the texts of two items"
        ),
        "escape": Parameter(
            str,
            default="none",
            choices=("none", "html"),
            description="html: texts that are filled in cannot become markup",
        ),
        "encoding": Parameter(str, default="utf-8", description="how both texts are encoded"),
        "overwrite": Parameter(bool, default=True, description="whether a file may be replaced"),
    }

    def run(self, context: Any, params: dict[str, Any]) -> dict[str, Any]:
        """Fill it in."""
        from framework0.scriptlets.builtin.confined import allowed_roots
        from framework0.scriptlets.builtin.formats import known_encoding

        roots, encoding = allowed_roots(), known_encoding(params["encoding"])
        with os.fdopen(roots.open_to_read(params["path"]), "rb") as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise UsageError(f"{params['path']} has more than {LARGEST:,} bytes: it is no template")
        try:
            template = content.decode("utf-8-sig" if encoding == "utf-8" else encoding)
        except UnicodeDecodeError as error:
            raise UsageError(f"{params['path']} is no {encoding}: {error.reason}") from None
        pieces: list[str] = []
        size = 0
        for scope in _scopes(context, params):
            if self.cancelled:
                raise StepCancelled("the step was told to stop")
            pieces.append(filled(template, scope, params["path"]))
            size += len(pieces[-1]) + len(params["join"])
            if size > MOST_TEXT:
                raise UsageError(f"the text would have more than {MOST_TEXT:,} characters")
        text = params["join"].join(pieces)
        if params["to"] is None:
            return {"text": text}
        written = text.encode(encoding)
        with roots.replacing(params["to"], overwrite=params["overwrite"]) as file_to:
            file_to.write(written)
        return {"path": params["to"], "bytes": len(written)}


def _scopes(context: Any, params: Mapping[str, Any]) -> Iterator[Scope]:
    from framework0.recipe import Scope

    escape = _as_it_is
    if params["escape"] == "html":
        escape, context = _html, _Escaped(context)
    inputs = escape(params["inputs"] or {})
    if params["each"] is None:
        yield Scope(inputs=inputs, context=context)
        return
    for index, item in enumerate(params["each"]):
        yield Scope(inputs=inputs, context=context, item=escape(item), index=index)


class _Escaped:
    """A context whose texts cannot become markup."""

    def __init__(self, context: Any) -> None:
        self._context = context

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of ``key``, or ``default``."""
        return _html(self._context.get(key, default))

    def keys(self) -> Any:
        """Return the keys that are there."""
        return self._context.keys()


def _as_it_is(value: Any) -> Any:
    return value


def _html(value: Any) -> Any:
    """Return ``value`` with every text in it safe within HTML, attributes in quotes included."""
    from html import escape

    if isinstance(value, str):
        return escape(value)
    if isinstance(value, list | tuple):
        return [_html(item) for item in value]
    if isinstance(value, dict):
        return {key: _html(item) for key, item in value.items()}
    return value


def filled(template: str, scope: Scope, shown: str) -> str:
    """Return a template filled in, line by line, so that only a line's text is bounded.

    Raises :class:`~framework0.errors.ExpressionError` with file and line.
    """
    from framework0.recipe import render

    lines = template.splitlines(keepends=True)
    done: list[str] = []
    for number, line in enumerate(lines, 1):
        # A line that is one expression alone would become the value; its end keeps it a text.
        body = line if line.endswith("\n") else line + "\n"
        try:
            text = render(body, scope)
        except ExpressionError as error:
            problem = error.problems[0]
            place = f"{shown}:{number}:{error.offset + 1}: {problem.message}"
            raise ExpressionError(place, offset=error.offset, hint=problem.hint) from None
        done.append(text if line.endswith("\n") else text[:-1])
    return "".join(done)
