"""What is said between a context server and its clients, without any input or output.

In reading order: ``messages`` and ``codes`` (the tables), ``codec`` (strict JSON), ``checking`` (is
this message one of the table?), ``frames`` (changes as text, made once for all who get them),
``effects`` (what a machine wants done), ``server`` and ``client`` (the machines of the two ends).
"""

from __future__ import annotations

from framework0.doors import opening

TYPE_CHECKING = False
if TYPE_CHECKING:
    from framework0.context.wire.answering import error_fields as error_fields
    from framework0.context.wire.client import Answer as Answer
    from framework0.context.wire.client import Broken as Broken
    from framework0.context.wire.client import ClientSession as ClientSession
    from framework0.context.wire.client import Failed as Failed
    from framework0.context.wire.client import Farewell as Farewell
    from framework0.context.wire.client import Happened as Happened
    from framework0.context.wire.client import Part as Part
    from framework0.context.wire.client import Welcome as Welcome
    from framework0.context.wire.codec import Codec as Codec
    from framework0.context.wire.codec import Malformed as Malformed
    from framework0.context.wire.codec import StrictCodec as StrictCodec
    from framework0.context.wire.codes import CLOSES as CLOSES
    from framework0.context.wire.codes import ERRORS as ERRORS
    from framework0.context.wire.effects import Apply as Apply
    from framework0.context.wire.effects import At as At
    from framework0.context.wire.effects import Authenticate as Authenticate
    from framework0.context.wire.effects import CatchUp as CatchUp
    from framework0.context.wire.effects import Close as Close
    from framework0.context.wire.effects import Denial as Denial
    from framework0.context.wire.effects import Effect as Effect
    from framework0.context.wire.effects import Entries as Entries
    from framework0.context.wire.effects import Follow as Follow
    from framework0.context.wire.effects import Get as Get
    from framework0.context.wire.effects import Grant as Grant
    from framework0.context.wire.effects import History as History
    from framework0.context.wire.effects import Keys as Keys
    from framework0.context.wire.effects import Load as Load
    from framework0.context.wire.effects import Missed as Missed
    from framework0.context.wire.effects import Picture as Picture
    from framework0.context.wire.effects import Presence as Presence
    from framework0.context.wire.effects import Send as Send
    from framework0.context.wire.effects import Standing as Standing
    from framework0.context.wire.effects import Stream as Stream
    from framework0.context.wire.effects import Subscribe as Subscribe
    from framework0.context.wire.effects import Tag as Tag
    from framework0.context.wire.effects import Tags as Tags
    from framework0.context.wire.effects import Unfollow as Unfollow
    from framework0.context.wire.effects import Untag as Untag
    from framework0.context.wire.effects import VersionAt as VersionAt
    from framework0.context.wire.frames import Batch as Batch
    from framework0.context.wire.frames import full_change as full_change
    from framework0.context.wire.frames import read_full_change as read_full_change
    from framework0.context.wire.limits import PROTOCOL as PROTOCOL
    from framework0.context.wire.limits import WireLimits as WireLimits
    from framework0.context.wire.messages import ADMIN as ADMIN
    from framework0.context.wire.messages import READ as READ
    from framework0.context.wire.messages import ROLES as ROLES
    from framework0.context.wire.messages import WRITE as WRITE
    from framework0.context.wire.messages import may as may
    from framework0.context.wire.patching import Patch as Patch
    from framework0.context.wire.patching import patched as patched
    from framework0.context.wire.server import ServerSession as ServerSession

_HOMES = {
    "ADMIN": "messages",
    "Answer": "client",
    "Apply": "effects",
    "At": "effects",
    "Authenticate": "effects",
    "Batch": "frames",
    "Broken": "client",
    "CLOSES": "codes",
    "CatchUp": "effects",
    "ClientSession": "client",
    "Close": "effects",
    "Codec": "codec",
    "Denial": "effects",
    "ERRORS": "codes",
    "Effect": "effects",
    "Entries": "effects",
    "Failed": "client",
    "Farewell": "client",
    "Follow": "effects",
    "Get": "effects",
    "Grant": "effects",
    "Happened": "client",
    "History": "effects",
    "Keys": "effects",
    "Load": "effects",
    "Malformed": "codec",
    "Missed": "effects",
    "PROTOCOL": "limits",
    "Part": "client",
    "Patch": "patching",
    "Picture": "effects",
    "Presence": "effects",
    "READ": "messages",
    "ROLES": "messages",
    "Send": "effects",
    "ServerSession": "server",
    "Standing": "effects",
    "Stream": "effects",
    "StrictCodec": "codec",
    "Subscribe": "effects",
    "Tag": "effects",
    "Tags": "effects",
    "Unfollow": "effects",
    "Untag": "effects",
    "VersionAt": "effects",
    "WRITE": "messages",
    "Welcome": "client",
    "WireLimits": "limits",
    "error_fields": "answering",
    "full_change": "frames",
    "may": "messages",
    "patched": "patching",
    "read_full_change": "frames",
}

__all__ = [
    "ADMIN",
    "CLOSES",
    "ERRORS",
    "PROTOCOL",
    "READ",
    "ROLES",
    "WRITE",
    "Answer",
    "Apply",
    "At",
    "Authenticate",
    "Batch",
    "Broken",
    "CatchUp",
    "ClientSession",
    "Close",
    "Codec",
    "Denial",
    "Effect",
    "Entries",
    "Failed",
    "Farewell",
    "Follow",
    "Get",
    "Grant",
    "Happened",
    "History",
    "Keys",
    "Load",
    "Malformed",
    "Missed",
    "Part",
    "Patch",
    "Picture",
    "Presence",
    "Send",
    "ServerSession",
    "Standing",
    "Stream",
    "StrictCodec",
    "Subscribe",
    "Tag",
    "Tags",
    "Unfollow",
    "Untag",
    "VersionAt",
    "Welcome",
    "WireLimits",
    "error_fields",
    "full_change",
    "may",
    "patched",
    "read_full_change",
]


__getattr__ = opening(__name__, _HOMES)
