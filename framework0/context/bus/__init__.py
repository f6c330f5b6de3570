"""The bus: messages between the parts of one process, and large ones between processes, without copies.

In reading order: ``routes`` (who is told about a topic), ``memory`` (the bus itself), ``inbox`` with
``bells`` (subscribers that read at their own pace), ``questions`` (requests and their answers); then,
between processes, ``shared`` with ``arrays`` (memory that both can see), ``channels`` with ``frames``
(handing it over) and ``bridge`` (two buses that tell each other).
"""

from __future__ import annotations

from framework0.doors import opening

TYPE_CHECKING = False
if TYPE_CHECKING:
    from framework0.context.bus.bridge import Bridge
    from framework0.context.bus.channels import Receiver, Sender, channel
    from framework0.context.bus.inbox import Inbox, Message
    from framework0.context.bus.memory import MemoryBus
    from framework0.context.bus.questions import Question
    from framework0.context.bus.shared import Shared, share

_HOME = {
    "Bridge": "bridge",
    "Inbox": "inbox",
    "MemoryBus": "memory",
    "Message": "inbox",
    "Question": "questions",
    "Receiver": "channels",
    "Sender": "channels",
    "Shared": "shared",
    "channel": "channels",
    "share": "shared",
}

__all__ = [
    "Bridge",
    "Inbox",
    "MemoryBus",
    "Message",
    "Question",
    "Receiver",
    "Sender",
    "Shared",
    "channel",
    "share",
]


__getattr__ = opening(__name__, _HOME)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
