"""The careful reader: from YAML events to plain data, with the place of everything.

It never recurses and asks the native parser for events only, so that no file can crash or hang it:
PyYAML's own loaders die of deep nesting, expand merge keys for ever and keep the last of two equal
keys without a word. Mistakes that leave the rest readable are collected, the others end the reading.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import yaml

from framework0.errors import Place
from framework0.recipe.complaints import Complaints, in_file_order
from framework0.recipe.limits import (
    MAX_ALIAS_CHARACTERS,
    MAX_ALIAS_NODES,
    MAX_DEPTH,
    MAX_NODES,
)
from framework0.recipe.scalars import CONSTANTS, TRUTHY, resolve, shorten
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from framework0.errors import Problem
    from framework0.recipe.positions import Mark

_NEEDS_RESOLVING: Final = frozenset("0123456789+-.")
_WAITING: Final[Any] = object()
"""A mapping has this as its key while the next event is a key."""
_DROPPED: Final[Any] = object()
"""The key whose value is read, and checked, but kept nowhere (the second of two equal keys)."""


class Composition(NamedTuple):
    """What a text holds: its data, the marks of it, and the mistakes that left it readable."""

    data: Any
    mark: Mark
    problems: tuple[Problem, ...]
    empty: bool


class _Anchored(NamedTuple):
    """A value an alias may repeat, and how much one repetition adds."""

    value: Any
    parts: Any
    nodes: int
    characters: int


class _Frame:
    """A list or mapping still open."""

    __slots__ = (
        "anchor",
        "characters",
        "column",
        "key",
        "key_at",
        "line",
        "nodes",
        "parts",
        "value",
    )

    def __init__(self, value: Any, event: Any, nodes: int, characters: int) -> None:
        self.value = value
        self.parts: Any = [] if isinstance(value, list) else {}
        self.key = _WAITING
        self.key_at = (0, 0)
        self.anchor = event.anchor
        self.line = event.start_mark.line
        self.column = event.start_mark.column
        # How much had been read when it opened: the difference at its end is its size.
        self.nodes = nodes
        self.characters = characters


def compose(text: str, file: str) -> Composition:
    """Read ``text``, which must hold no characters YAML refuses.

    Raises :class:`~framework0.errors.RecipeError`, with every mistake found up to there, when the
    syntax is wrong or a limit is passed.
    """
    return _Composer(text, file).compose()


class _Composer:
    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.complaints = Complaints(text, file)
        self.complain = self.complaints.complain
        self.stack: list[_Frame] = []
        self.anchors: dict[str, _Anchored | None] = {}
        self.nodes = 0
        self.characters = 0
        self.alias_nodes = 0
        self.alias_characters = 0
        self.documents = 0
        self.root: tuple[Any, Mark] | None = None

    def compose(self) -> Composition:
        handlers = {
            yaml.ScalarEvent: self.scalar,
            yaml.MappingStartEvent: self.start_mapping,
            yaml.SequenceStartEvent: self.start_list,
            yaml.MappingEndEvent: self.end,
            yaml.SequenceEndEvent: self.end,
            yaml.AliasEvent: self.alias,
            yaml.DocumentStartEvent: self.start_document,
        }
        handler_of = handlers.get
        try:
            for event in yaml.parse(self.text, Loader=yaml.CSafeLoader):
                handler = handler_of(type(event))
                if handler is not None:
                    handler(event)
                    if self.documents > 1:
                        break
        except yaml.MarkedYAMLError as error:
            self.complaints.give_up_over_syntax(error)
        if self.root is None:
            return Composition(
                None, (0, 0, None), in_file_order(self.complaints.problems), empty=True
            )
        data, mark = self.root
        return Composition(data, mark, in_file_order(self.complaints.problems), empty=False)

    # ---- events

    def start_document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            self.complain(
                event,
                "several-documents",
                "a second document starts here; a recipe file holds one",
                hint="remove the `---`, or move what follows into a file of its own",
            )

    def scalar(self, event: Any) -> None:
        word = event.value
        frame = self.stack[-1] if self.stack else None
        self.count(event, len(word))
        if event.tag is not None:
            self.refuse_tag(event)
        if frame is not None and frame.key is _WAITING and type(frame.value) is dict:
            self.take_key(frame, event, self.key_text(event), plain=not event.style)
            return
        value: Any = word
        if not event.style:
            if word in CONSTANTS:
                value = CONSTANTS[word]
            elif word[0] in _NEEDS_RESOLVING or word in TRUTHY:
                value = resolve(word, lambda *a, **k: self.complain(event, *a, **k))
        mark = event.start_mark
        if event.anchor is not None:
            self.anchors[event.anchor] = _Anchored(value, None, 1, len(word))
        self.put(frame, value, (mark.line, mark.column, None))

    def start_mapping(self, event: Any) -> None:
        self.open({}, event)

    def start_list(self, event: Any) -> None:
        self.open([], event)

    def open(self, value: Any, event: Any) -> None:
        frame = self.stack[-1] if self.stack else None
        if len(self.stack) >= MAX_DEPTH:
            self.complaints.give_up(
                event,
                "too-deep",
                f"nested deeper than {MAX_DEPTH} levels",
                hint="no recipe needs that: check brackets and indentation",
            )
        if event.tag is not None:
            self.refuse_tag(event)
        if frame is not None and frame.key is _WAITING and type(frame.value) is dict:
            hint = "quote a value that starts with `[` or `{`, and remove a lone `?`"
            around = self.complaints.around(event.start_mark)
            if around.before.endswith("{") and around.after.startswith("{"):
                hint = 'a template is written "${{ … }}", in quotes'
            self.complain(
                event,
                "key-not-text",
                "a key must be text, not a list or a mapping",
                hint=hint,
            )
            frame.key_at = (event.start_mark.line, event.start_mark.column)
        self.stack.append(_Frame(value, event, self.nodes, self.characters))
        if event.anchor is not None:
            # None until it is whole: an alias met before that would contain itself.
            self.anchors[event.anchor] = None
        self.count(event, 0)

    def end(self, _event: Any) -> None:
        done = self.stack.pop()
        if done.anchor is not None:
            self.anchors[done.anchor] = _Anchored(
                done.value, done.parts, self.nodes - done.nodes, self.characters - done.characters
            )
        frame = self.stack[-1] if self.stack else None
        if frame is not None and frame.key is _WAITING and type(frame.value) is dict:
            # A list or mapping used as a key was complained about when it opened.
            frame.key = _DROPPED
            return
        self.put(frame, done.value, (done.line, done.column, done.parts))

    def alias(self, event: Any) -> None:
        frame = self.stack[-1] if self.stack else None
        anchored = self.anchored(event)
        self.alias_nodes += anchored.nodes
        self.alias_characters += anchored.characters
        many = f"{MAX_ALIAS_NODES:,} values" if self.alias_nodes > MAX_ALIAS_NODES else None
        if self.alias_characters > MAX_ALIAS_CHARACTERS:
            many = f"{MAX_ALIAS_CHARACTERS:,} characters"
        if many is not None:
            self.complaints.give_up(
                event,
                "alias-expansion",
                f"the aliases up to here stand for more than {many}",
                hint="write a foreach step, or keep the data in a file the step reads",
            )
        self.count(event, anchored.characters, anchored.nodes)
        if frame is not None and frame.key is _WAITING and type(frame.value) is dict:
            value = anchored.value
            if not isinstance(value, str):
                self.complain(
                    event,
                    "key-not-text",
                    f"a key must be text, and *{shorten(event.anchor)} is not",
                    hint="write the key itself",
                )
                value = f"*{event.anchor}"
            self.take_key(frame, event, value, plain=False)
            return
        mark = event.start_mark
        self.put(frame, anchored.value, (mark.line, mark.column, anchored.parts))

    # ---- values and keys

    def put(self, frame: _Frame | None, value: Any, mark: Mark) -> None:
        if frame is None:
            self.root = value, mark
        elif type(frame.value) is list:
            frame.value.append(value)
            frame.parts.append(mark)
        else:
            key = frame.key
            frame.key = _WAITING
            if key is not _DROPPED:
                frame.value[key] = value
                frame.parts[key] = (*frame.key_at, mark)

    def take_key(self, frame: _Frame, event: Any, key: str, *, plain: bool) -> None:
        mark = event.start_mark
        frame.key_at = (mark.line, mark.column)
        if plain and key == "<<":
            frame.key = _DROPPED
            self.complain(
                event,
                "merge-key",
                "merge keys (`<<`) are not part of YAML 1.2 and not read here",
                hint="put what steps share into `defaults`, or repeat it",
            )
        elif key in frame.value:
            frame.key = _DROPPED
            line, column, _ = frame.parts[key]
            first = Place(self.complaints.file, line + 1, column + 1)
            self.complain(
                event,
                "duplicate-key",
                f"the key {shorten(key)!r} stands twice in this mapping",
                hint=f"remove one; the first stands in line {line + 1}",
                related=(("first here", first),),
            )
        else:
            frame.key = key

    def key_text(self, event: Any) -> str:
        word: str = event.value
        if not event.style and (word in CONSTANTS or word[0] in _NEEDS_RESOLVING):
            value = resolve(word, _say_nothing)
            if not isinstance(value, str):
                what = {type(None): "no value", bool: "a boolean"}.get(type(value), "a number")
                self.complain(
                    event,
                    "key-not-text",
                    f"a key must be text, and {shorten(word) or 'nothing'} is {what}",
                    hint=f"quote it: {shorten(word)!r}" if word else "write a key before the `:`",
                )
        if event.anchor is not None:
            self.anchors[event.anchor] = _Anchored(word, None, 1, len(word))
        return word

    def anchored(self, event: Any) -> _Anchored:
        name = event.anchor
        if name not in self.anchors:
            self.complain(
                event,
                "alias-unknown",
                f"*{shorten(name)} repeats an anchor that stands nowhere above",
                hint=f"put &{shorten(name)} before the value meant, or quote a text "
                "that starts with `*`",
            )
        elif (found := self.anchors[name]) is not None:
            return found
        else:
            self.complain(
                event,
                "alias-recursive",
                f"*{shorten(name)} stands inside the value it repeats",
                hint="repeat a value that is complete before this line",
            )
        return _Anchored(None, None, 1, 0)

    # ---- mistakes and limits

    def count(self, event: Any, characters: int, nodes: int = 1) -> None:
        self.nodes += nodes
        self.characters += characters
        if self.nodes > MAX_NODES:
            self.complaints.give_up(
                event,
                "too-many-values",
                f"more than {MAX_NODES:,} values in one recipe",
                hint="keep the data in a file the step reads, or split the recipe",
            )

    def refuse_tag(self, event: Any) -> None:
        written = event.tag.replace("tag:yaml.org,2002:", "!!")
        self.complain(
            event,
            "tag",
            f"the tag {shorten(written)} is not allowed: a recipe holds plain values",
            hint="remove the tag, or quote a value that starts with `!`",
        )


def _say_nothing(*_problem: Any, **_details: Any) -> None:
    """Take a complaint about a key's word: what kind of word it is gets its own message."""
