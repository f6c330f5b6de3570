"""The way in for a browser: the server is asked for an address that works once."""

from __future__ import annotations

import json
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

from framework0.context.remote.address import find_token, read_address
from framework0.context.remote.limits import CONNECT_SECONDS
from framework0.errors import RefusedError, StoreUnavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_ANSWER_BYTES: Final = 64 * 1024


def browser_address(url: str, token: str | None = None) -> str:
    """Return an address that lets one browser in to the server at ``url``, once and only to look.

    The token is found as :class:`~framework0.context.RemoteStore` does. Raises
    :class:`~framework0.errors.RefusedError` when the server does not know it, and
    :class:`~framework0.errors.StoreUnavailable` when the server cannot be asked.
    """
    address = read_address(url)
    base = "http" + str(address._replace(path="")).removeprefix("ws")
    found = find_token(address, token)
    headers = {"Authorization": f"Bearer {found}"} if found else {}
    request = Request(f"{base}/v1/entrances", b"", headers, method="POST")  # noqa: S310
    try:
        # No proxy of the environment: the token is for this server alone.
        with build_opener(ProxyHandler({})).open(request, timeout=CONNECT_SECONDS) as answer:
            said = json.loads(answer.read(_ANSWER_BYTES))
            return f"{base}{said['path']}"
    except HTTPError as error:
        with error:
            raise RefusedError(
                f"the context server at {address} lets no browser in: {_words(error)}"
            ) from None
    except (URLError, OSError, ValueError, KeyError, TypeError) as error:
        reason = getattr(error, "reason", error)
        raise StoreUnavailable(
            f"no context server answers at {address}: {reason}", happened=False
        ) from None


def _words(error: HTTPError) -> str:
    try:
        return str(json.loads(error.read(_ANSWER_BYTES))["detail"])
    except (ValueError, KeyError, TypeError):
        return f"it answers {error.code}"
