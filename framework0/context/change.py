"""What happens to a context: one totally ordered sequence of changes, and the seam that keeps it.

:class:`Store` is the one seam behind :class:`~framework0.context.Context`: memory, SQLite and a
server all fit it. Everything above it (patterns, subscriptions, views, history as people read it)
is built from these few calls.
"""

from __future__ import annotations

from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any, Protocol

    from framework0.errors import ContextError

    Undo = Callable[[], None]
else:
    # For type checkers only; at run time making a protocol costs more than any other class.
    Protocol = object


# Who removes a key whose time is over.
EXPIRY = "expiry"


class Author(NamedTuple):
    """Who makes a change: a name a person recognises, and the attempt it happened in, if any."""

    who: str = "user"
    run: str | None = None
    step: str | None = None
    attempt: int | None = None


class Write(NamedTuple):
    """A wish: set ``key`` to ``value``, or remove it (``removed``).

    With ``ttl``, the value is there for that many seconds from the moment it is set.
    """

    key: str
    value: Any = None
    removed: bool = False
    ttl: float | None = None


class Change(NamedTuple):
    """A fact: at ``version`` the key got ``value`` (or was removed); ``old`` is what it had before.

    Versions are integers that grow by the order in which changes happened; a gap between two
    versions is possible (the changes of an attempt that was never acknowledged). ``at`` is epoch
    seconds, for people only: order is the version's. ``previous`` is the version of the change of
    the same key before this one, a removal too; 0 when there was none or it is long forgotten.
    ``expires`` is when the value ends by itself, in epoch seconds; that end is a change of its own, a
    removal by :data:`EXPIRY`.
    """

    version: int
    key: str
    value: Any
    removed: bool
    old: Any
    existed: bool
    who: str
    run: str | None
    step: str | None
    attempt: int | None
    at: float
    previous: int = 0
    expires: float | None = None


class Entry(NamedTuple):
    """The value of a key, the version that set it, and when it ends by itself (epoch seconds)."""

    value: Any
    version: int
    expires: float | None = None


class Request(NamedTuple):
    """One call of :meth:`Store.apply`, as data: so that many can share one commit."""

    writes: Sequence[Write]
    author: Author
    at: float
    expected: Mapping[str, int] | None = None
    expected_version: int | None = None
    operation: str | None = None


class Store(Protocol):
    """Where the changes live. Every call is atomic and may come from any thread.

    Values passed in are already JSON, frozen by the caller (never mutated afterwards); values handed
    out must not be mutated by the receiver.
    """

    def version(self) -> int:
        """Return the version of the latest change, 0 when there is none."""

    def kept_since(self) -> int:
        """Return the version from which on every change is kept, 0 when none was ever dropped."""

    def get(self, key: str, /) -> Entry | None:
        """Return the latest entry of ``key``, or None."""

    def keys(self) -> list[str]:
        """Return the present keys, in no particular order, as one consistent picture."""

    def entries(self) -> Mapping[str, Entry]:
        """Return all present entries as one consistent picture."""

    def at(self, version: int) -> Mapping[str, Any]:
        """Return the values as they were when ``version`` was the latest.

        Raises :class:`~framework0.errors.HistoryTrimmed` when ``version`` is before
        :meth:`kept_since`, and ContextError when it has not happened yet.
        """

    def apply(
        self,
        writes: Sequence[Write],
        author: Author,
        at: float,
        expected: Mapping[str, int] | None = None,
        expected_version: int | None = None,
        operation: str | None = None,
    ) -> tuple[Change, ...]:
        """Make all ``writes``, in order, or none; removing what is absent is no change.

        ``expected`` maps keys to the version each must have (0: absent); ``expected_version`` is
        what :meth:`version` must be. Raises :class:`~framework0.errors.VersionConflict` when one
        differs.

        ``operation`` names this call among all others: when it has succeeded before, nothing
        happens, and its changes are returned again. So a call whose answer was lost can be repeated
        and counts once. Raises :class:`~framework0.errors.OperationReused` when the name was used
        for something else. Names are remembered for a bounded time and number (see ``limits``).
        """

    def apply_all(self, requests: Sequence[Request]) -> list[tuple[Change, ...] | ContextError]:
        """Do what each request asks, in order, each wholly or not at all, in one durable commit.

        What a request would raise from :meth:`apply` stands in its place in the answer and hinders
        no other. Raises only when nothing at all could be committed.
        """

    def get_at(self, key: str, version: int) -> Entry | None:
        """Return the entry of ``key`` as it was at ``version``, or None; raises like :meth:`at`."""

    def version_at(self, time: float) -> int:
        """Return the version of the last change made at or before ``time`` (epoch seconds).

        0 when everything is later. Where clocks were set back, the last change counts that says so.
        Raises HistoryTrimmed when ``time`` is before what is kept.
        """

    def tag(self, name: str, version: int, *, move: bool = False) -> None:
        """Name ``version``; its picture (:meth:`at`, :meth:`get_at`) is then always kept.

        Raises ContextError when the name stands for another version already and ``move`` is not
        given, when there are too many tags, and like :meth:`at`.
        """

    def untag(self, name: str) -> bool:
        """Forget the name; False when there is none such."""

    def tags(self) -> dict[str, int]:
        """Return the names and the versions they stand for, sorted by name."""

    def epoch(self) -> str:
        """Return the random name of this history, made when it began.

        Equal versions of different epochs have nothing to do with each other.
        """

    def changes(self, since: int | None = None, key: str | None = None) -> Iterator[Change]:
        """Yield the changes after version ``since``, oldest first; only those of ``key`` if given.

        Without ``since``: all that are kept. Raises :class:`~framework0.errors.HistoryTrimmed`, at once and not while iterating, when
        some of them are no longer kept.
        """

    def watch(self, listener: Callable[[Sequence[Change]], None], since: int | None = None) -> Undo:
        """Call ``listener`` with the changes to come, in version order and without a gap.

        With ``since``, the kept changes after that version come first, as in :meth:`changes`. The
        listener may be called while the store is locked: it must be quick, must not raise and must
        not call the store. When the store closes it is called once more, with no changes. The
        function returned ends it.
        """

    def load(self, changes: Iterable[Change]) -> None:
        """Take over changes that already happened elsewhere (a journal), oldest first.

        ``old``, ``existed`` and ``previous`` are set to what this store held before each change. Watchers are told.
        """

    def close(self) -> None:
        """Release what the store holds; later writes are refused."""
