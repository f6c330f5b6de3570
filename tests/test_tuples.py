"""The house's NamedTuple does what typing's does, so that nobody has to know which one it is."""

from __future__ import annotations

import copy
import pickle
import typing
from inspect import signature

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework0 import tuples


class Ours(tuples.NamedTuple):
    """A thing."""

    name: str
    count: int = 1
    tags: tuple[str, ...] = ()

    def doubled(self):
        return self._replace(count=self.count * 2)


class Theirs(typing.NamedTuple):
    """A thing."""

    name: str
    count: int = 1
    tags: tuple[str, ...] = ()

    def doubled(self):
        return self._replace(count=self.count * 2)


class Empty(tuples.NamedTuple):
    """Nothing."""


class Shown(tuples.NamedTuple):
    """A thing that shows itself in its own way."""

    secret: str

    def __repr__(self):
        return "***"


VALUES = st.one_of(st.integers(), st.text(), st.none(), st.lists(st.integers()))
PASSED = st.lists(VALUES, max_size=5)
NAMED = st.dictionaries(st.sampled_from(["name", "count", "tags", "colour"]), VALUES)


def made(cls, passed, named):
    try:
        return tuple(cls(*passed, **named))
    except TypeError as error:
        return str(error).replace("Theirs", "Ours")


@given(PASSED, NAMED)
def test_it_takes_and_refuses_the_same_arguments_with_the_same_words(passed, named):
    assert made(Ours, passed, named) == made(Theirs, passed, named)


@given(VALUES, VALUES, VALUES)
def test_its_values_behave_alike(name, count, tags):
    ours, theirs = Ours(name, count, tags), Theirs(name, count, tags)
    assert (ours.name, ours.count, ours.tags) == (name, count, tags)
    assert ours == theirs == (name, count, tags)
    assert repr(ours) == repr(theirs).replace("Theirs", "Ours")
    assert ours._asdict() == theirs._asdict()
    assert ours._replace(count=0) == theirs._replace(count=0)
    assert Ours._make([name, count, tags]) == ours
    assert type(Ours._make([name, count, tags])) is Ours


def test_the_classes_look_alike():
    assert Ours._fields == Theirs._fields == Ours.__match_args__
    assert Ours.__mro__ == (Ours, tuple, object)
    assert type(Ours) is type
    assert Ours.__doc__ == "A thing."
    assert str(signature(Ours)) == "(name, count=1, tags=())"
    assert Ours.__new__.__qualname__ == "Ours.__new__"


def test_a_value_cannot_be_changed():
    value = Ours("a")
    with pytest.raises(AttributeError):
        value.count = 2
    with pytest.raises(AttributeError):
        value.colour = "red"
    assert value == ("a", 1, ())


def test_a_value_is_copied_and_pickled_as_itself():
    value = Ours("a", 2)
    for other in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert type(other) is Ours
        assert other == value


def test_a_value_is_matched_by_place_and_by_name():
    match Ours("a", 2):
        case Ours("a", tags=()):
            matched = True
    assert matched


def test_its_own_methods_are_kept():
    assert Ours("a", 2).doubled().count == 4
    assert repr(Shown("word")) == "***"


def test_a_class_may_have_no_fields():
    assert Empty() == ()
    assert repr(Empty()) == "Empty()"


def test_replacing_what_is_not_there_is_refused():
    with pytest.raises(ValueError, match="Ours has no field colour"):
        Ours("a")._replace(colour="red")


def test_making_one_of_too_few_values_is_refused():
    with pytest.raises(TypeError, match="Ours has 3 fields, not 2"):
        Ours._make("ab")


@pytest.mark.parametrize("count", [*range(20), 40])
def test_a_class_may_have_any_number_of_fields(count):
    names = {f"name{number}": "int" for number in range(count)}
    cls = type(tuples.NamedTuple)("Some", (tuples.NamedTuple,), {"__annotations__": names})
    value = cls(*range(count))
    assert [getattr(value, name) for name in names] == list(range(count)) == list(value)
    assert cls(**dict(zip(names, range(count), strict=True))) == value
