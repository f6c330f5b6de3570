"""Messages in one process, and large ones between processes. Real home: framework0.context.bus."""

from framework0.context.bus import Bridge as Bridge
from framework0.context.bus import Inbox as Inbox
from framework0.context.bus import MemoryBus as MemoryBus
from framework0.context.bus import Message as Message
from framework0.context.bus import Shared as Shared
from framework0.context.bus import channel as channel
from framework0.context.bus import share as share

__all__ = ["Bridge", "Inbox", "MemoryBus", "Message", "Shared", "channel", "share"]
