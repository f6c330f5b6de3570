"""What one connection is told of the changes: each once, in order, without a gap.

There is one position for a connection: everything up to it has been given out. What is committed comes
as batches; one that does not begin right behind the position, or comes while something else must
be sent first, is left out, and the feed catches up from the log afterward. So a server may leave
batches out as it likes (for a client that reads slowly), and the same way leads on after a cut.
"""

from __future__ import annotations

from framework0.context.patterns import EVERYTHING
from framework0.context.wire.answering import chosen, entry_part
from framework0.context.wire.codes import CLOSE_INTERNAL, CLOSE_SLOW
from framework0.context.wire.effects import CatchUp, Close, Follow, Missed, Picture, Stream
from framework0.context.wire.frames import EVERY, Batch
from framework0.context.wire.limits import FRAME_CHANGES, INTEGER_HIGH, PART_BYTES
from framework0.errors import Framework0Error, HistoryTrimmed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from framework0.context.change import Entry
    from framework0.context.wire.codec import Codec
    from framework0.context.wire.effects import Effect, Standing, Subscribe

# So many changes are always sent as such: they are soon applied, and a snapshot costs a picture.
_CHEAP_CHANGES = 1_000


def resuming(since: int | None, epoch: str | None, standing: Standing) -> str | None:
    """Return why a snapshot must come, None when the changes after ``since`` can."""
    if since is None:
        return "new"
    if epoch != standing.epoch:
        return "epoch"
    if since > standing.version:
        return "future"
    if since < standing.kept_since:
        return "trimmed"
    if standing.version - since > max(_CHEAP_CHANGES, standing.keys):
        return "cheaper"
    return None


class Feed:
    """The position of one connection, and what it follows."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self.position = 0
        self._following = False
        # Whether Follow has been asked for and not taken back.
        self._attached = False
        self._follow: str | None = None
        self._patches = False
        self._patterns: frozenset[str] = frozenset()
        self._subscriptions: dict[int, str] = {}
        self._expected: set[int] = set()
        # How many things must be sent before the batches go on, and what was left out meanwhile.
        self._held = 0
        self._left_out = 0
        # Pictures on their way from which the feed goes on, and the oldest version of them.
        self._jumps = 0
        self._jump = INTEGER_HIGH

    @property
    def subscriptions(self) -> int:
        """How many subscriptions there are or will be."""
        return len(self._subscriptions) + len(self._expected)

    @property
    def wanted(self) -> bool:
        """Whether anything is followed; if not, nothing need be told any more."""
        if self._follow is None and not self.subscriptions:
            self._following = self._attached = False
            return False
        return True

    @property
    def jumping(self) -> bool:
        """Whether the position is about to become another: no subscription can begin now."""
        return self._jumps > 0

    def end(self) -> None:
        """Give out nothing from now on."""
        self._following = False
        self._held = 1

    def begin(
        self, hello: dict[str, Any], standing: Standing
    ) -> tuple[str, str | None, list[Effect]]:
        """Return how the feed that ``hello`` asks for begins, why, and what to do."""
        since, epoch = hello.get("since"), hello.get("epoch")
        pattern = hello.get("follow")
        if pattern is None and since is None and epoch is None:
            return "live", None, []
        self._follow = EVERYTHING if pattern is None else pattern
        # A patch needs the value before, and only who follows everything has it for certain.
        self._patches = hello.get("patches", False) and self._follow == EVERYTHING
        self._following = self._attached = True
        self._choose()
        why = resuming(since, epoch, standing)
        if why is None and since is not None:
            self.position = since
            self._left_out = standing.version
            return "changes", None, [Follow(), *self._settle()]
        self._held += 1
        self._jumps = 1
        return "snapshot", why, [Follow(), Picture(why or "new", self._follow)]

    def follow(self) -> bool:
        """Take note of a first subscription; whether the server must be asked to tell changes."""
        first, self._attached = not self._attached, True
        return first

    def expect(self, subscription: int) -> bool:
        """Take note of a subscription to come; False when there is one of that id."""
        if subscription in self._subscriptions or subscription in self._expected:
            return False
        self._expected.add(subscription)
        return True

    def subscribed(
        self, effect: Subscribe, standing: Standing
    ) -> tuple[str, str | None, list[Effect]]:
        """Begin a subscription; return how, why, and what to do."""
        if not self._following:
            self._following = True
            self.position = standing.version
        self._expected.discard(effect.id)
        self._subscriptions[effect.id] = effect.pattern
        self._choose()
        if effect.since is None and effect.epoch is None:
            return "live", None, self._settle()
        why = resuming(effect.since, effect.epoch, standing)
        if why is not None or effect.since is None:
            self._held += 1
            return "snapshot", why, [Picture(why or "new", effect.pattern, effect.id)]
        if effect.since >= self.position:
            return "changes", None, self._settle()
        self._held += 1
        missed = Missed(effect.id, effect.pattern, effect.since, self.position, FRAME_CHANGES)
        return "changes", None, [missed]

    def give_up(self, subscription: int) -> None:
        """Take note that a subscription will not come."""
        self._expected.discard(subscription)

    def unsubscribe(self, subscription: int) -> bool:
        """End a subscription; False when there is none such."""
        if self._subscriptions.pop(subscription, None) is None:
            return False
        self._choose()
        return True

    def changes(self, batch: Batch) -> list[Effect]:
        """Return the frames of a batch, or what to do because it does not follow."""
        position = self.position
        if not self._following or self._held:
            return self.left_out(batch.last)
        if batch.first != position + 1:
            if batch.last <= position:
                return []
            if batch.first > position:
                return self.left_out(batch.last)
            batch = batch.after(position)
        self.position = batch.last
        return list(batch.sends(self._patterns, patches=self._patches))

    def answered(self, effect: CatchUp | Picture | Missed, outcome: Any) -> list[Effect]:
        """Take what was asked for to go on."""
        if not self._following:
            return self._release()
        if type(effect) is Picture:
            return self._pictured(effect, outcome)
        if isinstance(outcome, HistoryTrimmed):
            return self._trimmed(effect)
        if isinstance(outcome, BaseException):
            return self._failed(outcome)
        if isinstance(effect, Missed):
            return self._missed(effect, outcome)
        return self._caught_up(outcome)

    def left_out(self, version: int) -> list[Effect]:
        """Catch up to ``version`` when nothing hinders."""
        self._left_out = max(self._left_out, version)
        return self._settle()

    def streamed(self) -> list[Effect]:
        """Go on after a snapshot has been sent."""
        return self._release()

    def _release(self) -> list[Effect]:
        self._held = max(0, self._held - 1)
        return self._settle()

    def _settle(self) -> list[Effect]:
        """Return what to do when nothing hinders: catch up with what was left out, if anything."""
        if self._held or not self._following or self._left_out <= self.position:
            return []
        self._held += 1
        return [CatchUp(self.position, FRAME_CHANGES)]

    def _caught_up(self, changes: Any) -> list[Effect]:
        if not changes:
            # The log says there is nothing: should that be old news, the next batch shows it.
            self._left_out = 0
            return self._release()
        if self._held > 1:
            # A subscription's older changes are on their way, and these must not overtake them.
            return self._release()
        batch = Batch(changes, self._codec)
        self.position = batch.last
        return [*batch.sends(self._patterns, patches=self._patches), *self._release()]

    def _trimmed(self, effect: Any) -> list[Effect]:
        """Send pictures in place of changes that are gone."""
        if type(effect) is Missed:
            return [Picture("trimmed", effect.pattern, effect.subscription)]
        pictures: list[Effect] = [
            Picture("lost", pattern, subscription)
            for subscription, pattern in self._subscriptions.items()
        ]
        if self._follow is not None:
            pictures.insert(0, Picture("lost", self._follow))
        self._held += len(pictures) - 1
        self._jumps = len(pictures)
        return pictures

    def _missed(self, effect: Missed, changes: Any) -> list[Effect]:
        wanted = [change for change in changes if change.version <= effect.upto]
        if effect.subscription not in self._subscriptions or not wanted:
            return self._release()
        frames = Batch(wanted, self._codec).sends(
            frozenset({effect.pattern}), subscription=effect.subscription
        )
        last = wanted[-1].version
        if last < effect.upto:
            return [*frames, effect._replace(since=last)]
        return [*frames, *self._release()]

    def _pictured(self, effect: Picture, outcome: Any) -> list[Effect]:
        if isinstance(outcome, BaseException):
            return self._failed(outcome)
        standing, entries = outcome
        if effect.subscription is None or effect.why == "lost":
            # Who got a later picture drops the changes it knows; nobody may miss any.
            self._jumps -= 1
            self._jump = min(self._jump, standing.version)
            if not self._jumps:
                self.position, self._jump = self._jump, INTEGER_HIGH
        if effect.subscription is None:
            return [Stream(self._parts(effect, standing, entries))]
        if effect.subscription not in self._subscriptions:
            return self._release()
        return [Stream(self._parts(effect, standing, entries))]

    def _parts(
        self, effect: Picture, standing: Standing, entries: Mapping[str, Entry]
    ) -> Iterator[bytes]:
        encode = self._codec.encode
        head: dict[str, Any] = {
            "type": "snapshot",
            "version": standing.version,
            "epoch": standing.epoch,
            "why": effect.why,
        }
        if effect.subscription is not None:
            head["subscription"] = effect.subscription
        parts: list[bytes] = []
        size = 0
        for key in chosen(entries, effect.pattern):
            part = encode(entry_part(key, entries[key]))
            if parts and size + len(part) > PART_BYTES:
                yield self._part(head, parts, more=True)
                head.pop("why", None)
                parts, size = [], 0
            parts.append(part)
            size += len(part)
        yield self._part(head, parts, more=False)

    def _part(self, head: dict[str, Any], parts: list[bytes], *, more: bool) -> bytes:
        begin = self._codec.encode({**head, "more": more})
        return begin[:-1] + b',"entries":[' + b",".join(parts) + b"]}"

    def _failed(self, error: BaseException) -> list[Effect]:
        """End a connection that cannot be told what it missed: it comes again and asks anew."""
        self.end()
        if isinstance(error, Framework0Error | OSError):
            return [Close(CLOSE_SLOW, f"the changes cannot be read now: {error!s:.80}")]
        return [Close(CLOSE_INTERNAL, "the server could not read the changes")]

    def _choose(self) -> None:
        patterns = {*self._subscriptions.values()}
        if self._follow is not None:
            patterns.add(self._follow)
        self._patterns = EVERY if EVERYTHING in patterns else frozenset(patterns)
