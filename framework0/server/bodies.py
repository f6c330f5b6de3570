"""Bodies of HTTP requests as values: the same strict JSON that sockets take."""

from __future__ import annotations

from framework0.context import ValueLimits
from framework0.context.wire import Malformed, StrictCodec
from framework0.server.requests import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

_CODEC: Final = StrictCodec(most_bytes=2**40, depth=ValueLimits().depth)


def decode(body: bytes) -> Any:
    """Return the value that a body stands for; refuse (400) what is not strict JSON, with the offset."""
    try:
        return _CODEC.decode(body)
    except Malformed as error:
        extra = {} if error.offset is None else {"offset": error.offset}
        raise Refused(400, error.code, error.message, extra=extra) from None
