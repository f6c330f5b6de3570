"""How a value becomes what the journal keeps of it: JSON, and references to files for the rest."""

from __future__ import annotations

import sys
from weakref import WeakKeyDictionary

from framework0.artifacts import (
    Artifact,
    encode_json,
    format_of,
    holds_references,
    plain,
    references,
    revive,
)
from framework0.context import ValueLimits, freeze, weigh
from framework0.errors import RefusedError, ValueRefused
from framework0.runner.jobs import Stored

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    from framework0.artifacts import Artifacts
    from framework0.secrets import Masker

LIMITS: Final = ValueLimits(items=50_000_000, characters=1024 * 1024 * 1024)
"""How large a result of JSON may be: what a file of some GB holds, and memory has to hold twice."""

_FLAT: Final = frozenset({type(None), bool, int, float, Artifact})
_CONTENT: Final = frozenset({bytes, bytearray, memoryview})


class Keeper:
    """Keeps what one run's steps leave; JSON of more than ``threshold`` bytes goes into a file."""

    def __init__(self, artifacts: Artifacts, threshold: int, masker: Masker | None) -> None:
        self.artifacts = artifacts
        self.threshold = threshold
        self.masker = masker
        # What a parcel's memory holds never changes: what is passed on is looked at once.
        self._parcels: WeakKeyDictionary[Any, dict[Any, Any]] = WeakKeyDictionary()

    def hold(self, value: Any) -> Artifact | None:
        """Return the reference that stands for a value that is no JSON, None when none can.

        Raises :class:`~framework0.errors.ArtifactError` when the disk does not take it, and
        :class:`~framework0.errors.ValueRefused` when it must not be kept.
        """
        if type(value) is Stored:
            return self._as_one(value.value)
        if _is_parcel(value):
            return self._as_one(self._keep_parcel(value))
        if format_of(value) is None:
            return None
        try:
            return self.artifacts.put(value)
        except RefusedError as refused:
            raise ValueRefused(f"the value is not kept: {refused}") from refused

    def keep(self, value: Any) -> Any:
        """Return what the journal keeps of a result: JSON, masked, with references in it.

        Raises as :meth:`hold` does, ValueRefused also for what cannot be kept at all.
        """
        if _is_parcel(value):
            return self._keep_parcel(value)
        return self.inline(freeze(value, LIMITS, hold=self.hold))

    def inline(self, value: Any) -> Any:
        """Return a frozen value, masked, or the reference to its file if it is large."""
        if type(value) in _FLAT:
            return value
        if self.masker is not None:
            value = self.masker.mask_value(value)
        # The estimate costs little and errs by a factor; only what comes near is written out.
        if weigh(value) <= self.threshold // 4:
            return value
        content = encode_json(value)
        if len(content) <= self.threshold:
            return value
        return self.artifacts.put_content("tree" if holds_references(value) else "json", [content])

    def passed_on(self, value: Any, kept: Any) -> Any:
        """Return what later steps get for ``value``: the same that they would get after a resume.

        Arrays are then memory that nobody can change, and are known again when they come back.
        """
        if type(value) in _CONTENT or _is_parcel(value) or not holds_references(kept):
            return value
        if type(kept) is Artifact and kept.format == "json":
            return value
        return Stored(kept, self.artifacts)

    def taken_over(self, value: Any) -> Any:
        """Return a result from a journal as this run uses it; its files stay while the run lives."""
        if not holds_references(value):
            return value
        value = revive(plain(value), self.artifacts)
        for reference in references(value):
            self.artifacts.hold(reference)
        return Stored(value, self.artifacts)

    def is_known(self, parcel: Any) -> bool:
        """Say whether keeping a parcel needs no look at its content."""
        segment = parcel.segment
        return segment is not None and _content_of(parcel) in self._parcels.get(segment, {})

    def _as_one(self, kept: Any) -> Artifact:
        return kept if type(kept) is Artifact else self.artifacts.put(kept)

    def _keep_parcel(self, parcel: Any) -> Any:
        """Keep what warm processes hand each other, unless it is the memory of an earlier one."""
        content = _content_of(parcel)
        known: dict[Any, Any] = {}
        if parcel.segment is not None:
            known = self._parcels.setdefault(parcel.segment, known)
        if content in known and all(map(self.artifacts.hold, references(known[content]))):
            return known[content]
        kept = known[content] = self.keep(_opened(parcel))
        return kept


def _is_parcel(value: Any) -> bool:
    """Say whether this is what warm processes hand each other; without them there is none."""
    # Another thread may be importing it just now: then there are none of its parcels yet.
    parcels = getattr(sys.modules.get("framework0.runner.pool.parcel"), "Parcel", None)
    return parcels is not None and isinstance(value, parcels)


def _opened(parcel: Any) -> Any:
    """Return what is in a parcel; raises ValueRefused when only its own process can tell."""
    try:
        return parcel.open()
    # Classes of the user's are unpickled here, where their modules may not even be found.
    except Exception as error:
        raise ValueRefused(f"the value is a {parcel.kind}, which is not JSON ({error})") from error


def _content_of(parcel: Any) -> Any:
    return (parcel.pickle, parcel.places)
