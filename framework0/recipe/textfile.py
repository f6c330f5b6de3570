"""Reading the text of a recipe: one bounded read of a regular file, or one sentence why not.

The path comes from a person or a script: it may be a folder, a pipe that nobody writes to, an
endless device, a file of a gigabyte of holes, or a file being written right now.
"""

from __future__ import annotations

import errno
import itertools
import os
import re
import stat
from typing import TYPE_CHECKING, Final

from framework0.errors import Place, Problem, RecipeError
from framework0.recipe.limits import MAX_FILE_BYTES
from framework0.recipe.near import near_name

if TYPE_CHECKING:
    from typing import BinaryIO

_KINDS: Final = (
    (stat.S_ISDIR, "a folder", "name a recipe inside it"),
    (stat.S_ISFIFO, "a pipe", "save what it delivers to a file first"),
    (stat.S_ISSOCK, "a socket", "name a recipe file"),
    (stat.S_ISCHR, "a device", "save what it delivers to a file first"),
    (stat.S_ISBLK, "a device", "name a recipe file"),
)

_REASONS: Final = {
    errno.ENOENT: ("file-missing", "there is no such file", "check the path"),
    errno.ENOTDIR: (
        "file-missing",
        "a part of this path is a file, not a folder",
        "check the path",
    ),
    errno.EACCES: ("file-unreadable", "this file may not be read by you", "change its permissions"),
    errno.EPERM: ("file-unreadable", "this file may not be read by you", "change its permissions"),
    errno.ELOOP: ("file-missing", "this link leads back to itself", "name the file itself"),
    errno.ENAMETOOLONG: ("file-missing", "this path is too long for a file", "check the path"),
}

# Patterns are kept as text: compiling them costs milliseconds that a plain recipe need not pay.
_REFUSED: Final = (
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
"""Characters YAML does not take, and U+0085, U+2028, U+2029, whose lines no editor shows."""

_NAMES: Final = {
    "\x00": "NUL",
    "\x1b": "escape",
    "\x85": "a next-line mark",
    "\u2028": "a line separator",
    "\u2029": "a paragraph separator",
    "\ufeff": "a byte order mark",
}

_REORDERING: Final = "[\u202a-\u202e\u2066-\u2069]"
"""Characters that make text look unlike what it is (https://trojansource.codes)."""

_BYTE_ORDER_MARKS: Final = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_UTF8_MARK: Final = b"\xef\xbb\xbf"

READ_TRIES: Final = 3
"""A file that changes while it is read is read again this often; an editor needs one."""

MAX_NAMES_COMPARED: Final = 2_000
"""Files of a folder looked at for a near name; the rest of a larger one is not worth the wait."""


def read_bytes(path: str) -> bytes:
    """Return the content of the regular file at ``path``, at most the size limit.

    Never waits: a pipe, a device or a folder is refused before anything is read from it. Raises
    :class:`~framework0.errors.RecipeError` with one located problem.
    """
    try:
        for _ in range(READ_TRIES):
            # Looked at first: opening a device alone can already do something.
            _refuse_unless_regular(path, os.stat(path))
            content = _read_once(path)
            if content is not None:
                return content
    except OSError as error:
        code, message, hint = _REASONS.get(
            error.errno or 0,
            ("file-unreadable", f"it cannot be read: {error.strerror}", "check the path"),
        )
        if error.errno == errno.ENOENT and (near := _near_file(path)) is not None:
            hint = f"did you mean {near!r}?"
        raise _refusal(path, code, message, hint) from None
    except ValueError:
        raise _refusal(
            path, "file-missing", "no path can hold a NUL character", "check the path"
        ) from None
    raise _refusal(
        path,
        "file-changed",
        f"the file changed each of the {READ_TRIES} times it was read",
        "wait until it is written, then try again",
    )


def _read_once(path: str) -> bytes | None:
    """Return the content, or None if the file changed meanwhile."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        before = os.fstat(descriptor)
        _refuse_unless_regular(path, before)
        parts = []
        remaining = before.st_size + 1
        while remaining > 0 and (part := os.read(descriptor, remaining)):
            parts.append(part)
            remaining -= len(part)
        content = b"".join(parts)
        after = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    same = (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size)
    return content if same and len(content) == before.st_size else None


def _refuse_unless_regular(path: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        for is_kind, what, hint in _KINDS:
            if is_kind(status.st_mode):
                raise _refusal(path, "file-kind", f"this is {what}, not a recipe file", hint)
    if status.st_size > MAX_FILE_BYTES:
        raise _refusal(
            path,
            "file-too-large",
            f"the file has {status.st_size:,} bytes; a recipe may have {MAX_FILE_BYTES:,}",
            "keep the data in a file the step reads, or split the recipe",
        )


def _near_file(path: str) -> str | None:
    """Return the path of a file in the same folder whose name is nearly the one asked for."""
    folder, name = os.path.split(path)
    try:
        with os.scandir(folder or ".") as entries:
            names = [entry.name for entry in itertools.islice(entries, MAX_NAMES_COMPARED)]
    except OSError:
        return None
    near = near_name(name, sorted(names))
    return os.path.join(folder, near) if near is not None else None


def _refusal(path: str, code: str, message: str, hint: str) -> RecipeError:
    return RecipeError((Problem(code, message, Place(path, 1, 1), hint=hint),))


def text_of(stream: BinaryIO, file: str) -> str:
    """Return the text that ``stream`` (a pipe, say) delivers until its end, within the size limit.

    Raises :class:`~framework0.errors.RecipeError` as reading a file does.
    """
    content = stream.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise _refusal(
            file,
            "file-too-large",
            f"there are more than the {MAX_FILE_BYTES:,} bytes that a recipe may have",
            "keep the data in a file the step reads, or split the recipe",
        )
    return decode(content, file)


def decode(content: bytes, file: str) -> str:
    """Return the text of ``content``, which must be UTF-8; a UTF-8 byte order mark is dropped.

    Raises :class:`~framework0.errors.RecipeError` with the position of the first wrong byte.
    """
    content = content.removeprefix(_UTF8_MARK)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        start = error.start
    for mark, name in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            message = f"the file is {name}, not UTF-8"
            start = 0
            break
    else:
        message = f"the byte 0x{content[start]:02x} is not UTF-8"
    line = content.count(b"\n", 0, start) + 1
    line_start = content.rfind(b"\n", 0, start) + 1
    column = len(content[line_start:start].decode("utf-8", "replace")) + 1
    hint = "save the file as UTF-8"
    raise RecipeError((Problem("encoding", message, Place(file, line, column), hint=hint),))


def refuse_characters(text: str, file: str) -> None:
    """Raise :class:`~framework0.errors.RecipeError` at the first character no recipe may hold."""
    found = re.search(_REFUSED, text)
    if found is None:
        return
    character = found.group()
    told = f"U+{ord(character):04X}"
    hint = "remove it"
    if "\ud800" <= character <= "\udfff":
        told += " (half of a character)"
    else:
        told += f" ({_NAMES.get(character, 'a control character')})"
        hint += f"; inside double quotes it may be written {escape_of(character)}"
    place = _place_of(text, found.start(), file)
    problem = Problem("control-character", f"{told} may not stand in a recipe", place, hint=hint)
    raise RecipeError((problem,))


def escape_of(character: str) -> str:
    """Return the escape that stands for ``character`` inside double quotes."""
    number = ord(character)
    return f"\\x{number:02x}" if character < "\u0100" else f"\\u{number:04x}"


def reordering_characters(text: str, file: str) -> tuple[Problem, ...]:
    """Return a warning for the first character that makes the text look unlike what it is."""
    found = None if text.isascii() else re.search(_REORDERING, text)
    if found is None:
        return ()
    message = f"U+{ord(found.group()):04X} shows the text around it in another order than it has"
    place = _place_of(text, found.start(), file)
    hint = "remove it, unless the text is written from right to left"
    return (Problem("hidden-character", message, place, severity="warning", hint=hint),)


def _place_of(text: str, offset: int, file: str) -> Place:
    # Line breaks as YAML counts them: \n, \r\n, and \r alone.
    before = text[:offset].replace("\r\n", "\n").replace("\r", "\n")
    return Place(file, before.count("\n") + 1, len(before) - before.rfind("\n"))
