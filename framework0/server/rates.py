"""How much one client may ask: a bucket that fills evenly and holds a burst (pure: time comes in)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

BURST: Final = 4
"""A burst is so many seconds' worth: whoever was silent may catch up a little."""


class Bucket:
    """Grants ``rate`` requests a second on average, and a burst of four seconds' worth."""

    __slots__ = ("_left", "_most", "_rate", "_seen")

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._most = self._left = rate * BURST
        self._seen = now

    def take(self, now: float, count: int = 1) -> float:
        """Take ``count`` if they are there and return 0, else return the seconds until they are."""
        self._left = min(self._most, self._left + (now - self._seen) * self._rate)
        self._seen = now
        if self._left >= count:
            self._left -= count
            return 0.0
        return (count - self._left) / self._rate

    @property
    def full(self) -> bool:
        """Whether nothing has been taken for a while, so that it may be forgotten."""
        return self._left >= self._most


class Rates:
    """A bucket for each client; those that are full again are forgotten."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._buckets: dict[str, Bucket] = {}

    def take(self, client: str, now: float, count: int = 1) -> float:
        """As :meth:`Bucket.take`, for the client of that name; 0 when there is no limit."""
        if not self._rate:
            return 0.0
        bucket = self._buckets.get(client)
        if bucket is None:
            bucket = self._buckets[client] = Bucket(self._rate, now)
        return bucket.take(now, count)

    def forget_idle(self, now: float) -> None:
        """Drop the buckets of clients that ask nothing."""
        for client, bucket in list(self._buckets.items()):
            bucket.take(now, 0)
            if bucket.full:
                del self._buckets[client]
