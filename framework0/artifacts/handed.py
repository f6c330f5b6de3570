"""Which objects in memory are what files hold: they were loaded from there and cannot be changed.

A step that returns the array it was given returns the same object; it needs no second look at its
content. Objects are known by identity and only while they live.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

if TYPE_CHECKING:
    from weakref import ReferenceType

    from framework0.artifacts.reference import Artifact


class Handed:
    """What was handed out, by object and by reference."""

    def __init__(self) -> None:
        self._by_object: dict[int, tuple[ReferenceType[Any], Artifact]] = {}
        self._by_reference: dict[Artifact, ReferenceType[Any]] = {}

    def artifact_of(self, value: Any) -> Artifact | None:
        """Return the reference that this very object was loaded from, if it was."""
        found = self._by_object.get(id(value))
        return None if found is None or found[0]() is not value else found[1]

    def object_of(self, artifact: Artifact) -> Any:
        """Return the object that was loaded from a reference and still lives, else None."""
        found = self._by_reference.get(artifact)
        return None if found is None else found()

    def remember(self, value: Any, artifact: Artifact) -> None:
        """Note that ``value``, which nobody can change, is what ``artifact`` holds."""
        identity = id(value)

        def forget(gone: ReferenceType[Any]) -> None:
            # May come in any thread, in the middle of anything: single operations of a dict only.
            found = self._by_object.get(identity)
            if found is not None and found[0] is gone:
                self._by_object.pop(identity, None)
            if self._by_reference.get(artifact) is gone:
                self._by_reference.pop(artifact, None)

        try:
            weak = ref(value, forget)
        except TypeError:
            return
        self._by_object[identity] = (weak, artifact)
        self._by_reference[artifact] = weak
