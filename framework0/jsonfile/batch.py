"""What the holder of the lock does: its own change, and those that others have posted meanwhile.

One replacement, and one sync of the disk, serves them all ("flat combining", Hendler, Incze, Shavit
and Tzafrir, SPAA 2010). The intent kept before the replacement tells whoever comes after a death
which answers are due: those of a replacement that happened, and no others.
"""

from __future__ import annotations

import os
from zlib import crc32

from framework0.errors import JsonFileBroken, RefusedError, ValueRefused
from framework0.jsonfile.copies import Document
from framework0.jsonfile.edits import ADD, apply_edit
from framework0.jsonfile.replacing import (
    Draft,
    Former,
    draft_of,
    remove,
    remove_drafts,
    sync_names,
)
from framework0.jsonfile.source import look
from framework0.jsonfile.text import MOST_BYTES, is_plain, parse_object, render_object
from framework0.workspace import trouble

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Any, Final

    from framework0.jsonfile.box import Box
    from framework0.jsonfile.source import Source
    from framework0.workspace import Gate

    Change = Callable[[dict[str, Any]], Any]

_LONGEST: Final = 200
"""Characters of a refusal that fit into an answer."""

_RETRIES: Final = 100
"""How often an edit by hand, made while we work, is taken up before we give in."""


class Batch:
    """One turn at a file whose lock is held."""

    __slots__ = ("_box", "_durable", "_gate", "_good_copy", "_path", "_source")

    def __init__(self, path: Path, source: Source, gate: Gate, box: Box, *, durable: bool) -> None:
        self._path = path
        self._good_copy = f"{path}.bak"
        self._source = source
        self._gate = gate
        self._box = box
        self._durable = durable

    def recover(self) -> None:
        """Finish what a holder that died had begun to tell, and remove what it left."""
        intent = self._box.intent()
        if intent is None:
            return
        there = look(self._path)
        if there is not None and there.st_ino == intent["inode"]:
            self._source.document()
            if crc32(self._source.content) == intent["checksum"]:
                self._recover_former(intent)
                if self._durable:
                    sync_names(self._path.parent)
                self._tell(intent["answers"])
        self._box.forget_intent()
        remove_drafts(self._path)

    def _intend(self, draft: Draft, content: bytes, former: str, answers: list[Any]) -> None:
        """Keep what is about to happen, and the answers that are due then."""
        self._box.intend(
            {
                "inode": draft.inode,
                "checksum": crc32(content),
                "former": os.path.basename(former),
                "answers": [entry for entry in answers if entry[2][0]],
            }
        )

    def _recover_former(self, intent: Mapping[str, Any]) -> None:
        """Have the state before a change that happened take its place, if its holder died between."""
        if "former" not in intent:
            # Left by a release that wrote the copy before the change.
            return
        try:
            os.replace(self._path.with_name(intent["former"]), self._good_copy)
        except FileNotFoundError:
            return
        except OSError as error:
            raise trouble("replace", self._good_copy, error) from error

    def run(self, change: Change) -> Any:
        """Make our own change and the posted ones; return what ours returned."""
        for _ in range(_RETRIES):
            working = self._source.document().copy()
            self._refuse_second_name()
            result = change(working)
            self._box.begin_taking()
            answers = self._take(working)
            content = _rendered(working, self._path)
            document = _seen_by_readers(working, content, self._path)
            same = content == self._source.content and self._source.mark is not None
            if same or self._commit(content, document, answers):
                self._tell(answers)
                self._box.forget_intent()
                return result
        raise RefusedError(f"{self._path} is being changed by others without its lock: stop them")

    def _take(self, working: dict[str, Any]) -> list[Any]:
        answers = []
        for place, token, edit in self._box.questions():
            try:
                value = apply_edit(working, edit)
            except ValueRefused as refused:
                answer = [False, str(refused)[:_LONGEST], refused.path[:_LONGEST]]
            else:
                answer = [True, value if edit[0] == ADD else None]
            answers.append((place, token.hex(), answer))
        return answers

    def _commit(self, content: bytes, document: Document, answers: list[Any]) -> bool:
        """Put the new content in place; False when somebody changed the file in the meantime."""
        source = self._source
        former, place = None, draft_of(self._good_copy)
        draft = Draft(self._path, content, source.mode, durable=self._durable)
        try:
            self._intend(draft, content, place, answers)
            if source.mark is not None:
                former = Former(self._good_copy, self._path, place, source.content, source.mode)
            self._refuse_without_lock()
            unchanged = source.unchanged()
            if unchanged:
                draft.put()
        except BaseException:
            # An interrupt may come when it is in place already: then the intent is kept.
            if draft.is_waiting():
                self._drop(draft, place)
            raise
        if not unchanged:
            self._drop(draft, place)
            return False
        source.keep(draft.descriptor, content, document)
        if former is not None:
            former.put()
        if self._durable:
            sync_names(self._path.parent)
        return True

    def _refuse_without_lock(self) -> None:
        if not self._gate.intact:
            raise RefusedError(
                f"{self._gate.path} was removed or replaced while it was held, so others may "
                f"be changing {self._path}: nothing was written; do not remove lock files"
            )

    def _refuse_second_name(self) -> None:
        """Refuse a file that has other names, once those that killed holders left are gone."""
        if self._source.names > 1:
            remove_drafts(self._path)
            there = look(self._path)
            if there is not None and there.st_nlink > 1:
                raise RefusedError(
                    f"{self._path} has a second name (hard link), which would keep the state of "
                    "now: move it away, then retry"
                )

    def _drop(self, draft: Draft, former: str) -> None:
        remove(former)
        # In this order: the inode of a draft that is gone may become another file's.
        self._box.forget_intent()
        draft.discard()

    def _tell(self, answers: list[Any]) -> None:
        for place, token, answer in answers:
            self._box.reply(place, bytes.fromhex(token), answer)


def _seen_by_readers(document: dict[str, Any], content: bytes, path: Path) -> Document:
    """Return what a reader of ``content`` will see; refuse names that JSON makes the same."""
    if is_plain(document):
        # A copy: whoever changed it may still hold it.
        return Document(Document(document).copy())
    try:
        return Document(parse_object(content, str(path)))
    except JsonFileBroken as error:
        raise ValueRefused(f"{path} cannot hold that value: {error}") from error


def _rendered(document: dict[str, Any], path: Path) -> bytes:
    try:
        content = render_object(document)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueRefused(f"{path} cannot hold that value: {error}") from error
    if len(content) > MOST_BYTES:
        raise JsonFileBroken(
            f"{path} would have {len(content):,} bytes, more than {MOST_BYTES:,}: "
            "nothing was written"
        )
    return content
