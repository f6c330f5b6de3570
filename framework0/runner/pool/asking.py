"""The context as a step in a warm worker asks for it: what is no JSON travels as a parcel, both ways."""

from __future__ import annotations

from framework0.context import check_json, freeze
from framework0.errors import ValueRefused
from framework0.runner.executors.child import RemoteContext
from framework0.runner.pool import wire
from framework0.runner.pool.parcel import CannotTravel, Parcel, from_told, pack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from framework0.artifacts import Artifact
    from framework0.runner.pool.parcel import Opened


class PoolContext(RemoteContext):
    """Asks the runner on the other side of ``talk``. What lies in ``opened`` is not copied on its way."""

    def __init__(self, talk: wire.Talk, opened: Opened) -> None:
        super().__init__(_Question(talk))
        self._opened = opened

    def set(self, key: str, value: Any, *, ttl: float | None = None) -> int:
        """Set ``key`` and return the version of the change.

        Arrays, tables and bytes are kept as artifacts, unless they end by themselves. Raises ValueRefused
        for what else is not JSON.
        """
        if ttl is not None:
            return super().set(key, value, ttl=ttl)
        try:
            check_json(value)
        except ValueRefused:
            # Refused here, where the value's class is known, and by its path, as it would be in a thread.
            freeze(value, key=key, hold=_could_be_kept)
            value = self._packed(value)
        return int(self._ask("set", key, value))

    def _packed(self, value: Any) -> Parcel:
        try:
            return pack(value, self._opened)
        except CannotTravel as error:
            raise ValueRefused(f"the value cannot leave the step's process: {error}") from error
        except (OSError, MemoryError) as error:
            raise ValueRefused(f"there is no memory to hand the value on: {error}") from error


def _could_be_kept(value: Any) -> Artifact | None:
    """Return a reference that stands for any, if ``value`` is of a kind that is kept as a file."""
    from framework0.artifacts import Artifact, format_of

    found = format_of(value)
    return None if found is None else Artifact("0" * 64, found, 0)


class _Question:
    """The runner, as the context of a step asks it."""

    def __init__(self, talk: wire.Talk) -> None:
        self._talk = talk

    def send(self, question: Sequence[Any]) -> None:
        if question[0] == "progress":
            self._talk.send((wire.PROGRESS, *question[1:]))
            return
        if type(question[-1]) is Parcel:
            parcel = question[-1]
            beside = () if parcel.segment is None else (parcel.segment,)
            self._talk.send((wire.ASK_PACKED, *question[:-1], parcel.told()), beside)
            return
        try:
            self._talk.send((wire.ASK, *question))
        # A subclass of a plain type: what the context keeps of it is the plain value.
        except ValueError:
            self._talk.send((wire.ASK, *(check_json(each) for each in question)))

    def receive(self) -> dict[str, Any] | None:
        """Return the answer; raises what the classes of a packed value raise when it is opened."""
        came = self._talk.receive()
        if came is None:
            return None
        (answer, *packed), segments = came
        if packed:
            parcel = from_told(packed[0], segments[0] if segments else None)
            answer["value"] = [True, parcel.open()]
        found: dict[str, Any] = answer
        return found
