"""``type: notify``: tell people, by a webhook or by any service that Apprise knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from framework0.errors import StepCancelled, StepError, UsageError
from framework0.scriptlets.base import BaseScriptlet
from framework0.scriptlets.parameters import Parameter

if TYPE_CHECKING:
    from collections.abc import Mapping


class Notify(BaseScriptlet):
    """Tell people something, by a webhook or by any service that Apprise knows.

    A message that does not arrive is logged and does not fail the step, unless ``required``. The result
    holds ``sent`` and, where not all went well, ``error``. Webhook addresses and service URLs are secrets:
    neither appears in a message. Raises UsageError (wrong params, a missing extra), RefusedError (no web
    address), and with ``required`` StepError, ConnectionError or TimeoutError.
    """

    name = "notify"
    version = "1.0"
    parameters: ClassVar[Mapping[str, Any]] = {
        "message": Parameter(str, description="what to tell"),
        "title": Parameter(str, default="", description="its heading"),
        "url": Parameter(str, required=False, description="the webhook's address"),
        "shape": Parameter(
            str,
            default="json",
            choices=("json", "slack", "teams"),
            description="what the webhook is sent: title, message, run and data; or as those two take it",
        ),
        "data": Parameter(dict, required=False, description="more to send along (shape json)"),
        "headers": Parameter(dict, required=False, description="sent to the webhook; never logged"),
        "services": Parameter(
            list, required=False, description="Apprise URLs, as mailto://… (the extra notify)"
        ),
        "required": Parameter(
            bool, default=False, description="whether a message that does not arrive fails the step"
        ),
        "timeout": Parameter(object, default="10s", description="how long telling may take"),
        "allowed_hosts": Parameter(
            list, required=False, description="the only hosts told by webhook: host or *.domain"
        ),
    }

    def validate(self, context: Any, params: dict[str, Any]) -> None:
        """Refuse params that lead nowhere, whether or not the message is required."""
        del context
        if params["url"] is None and not params["services"]:
            raise UsageError("give url or services: there is nobody to tell")
        if params["data"] is not None and params["shape"] != "json":
            raise UsageError(f"data means nothing to shape {params['shape']}")

    def run(self, context: Any, params: dict[str, Any]) -> dict[str, Any]:
        """Tell it."""
        del context
        from framework0.scriptlets.builtin.http import request_of

        request = None
        if params["url"] is not None:
            asked = {**params, "method": "POST", "data": None, "redirects": 0}
            asked["json"] = self._body(params)
            asked["headers"] = {
                "Idempotency-Key": self.idempotency_key,
                **(params["headers"] or {}),
            }
            request = request_of(asked)
        notifier = _apprise(params["services"]) if params["services"] else None
        try:
            if request is not None:
                self._post(request)
            if notifier is not None:
                self._tell(notifier, params)
        except StepCancelled:
            raise
        except (OSError, StepError) as error:
            if params["required"]:
                raise
            self.logger.warning("not told: %s", error)
            return {"sent": False, "error": str(error)}
        return {"sent": True}

    def _body(self, params: Mapping[str, Any]) -> dict[str, Any]:
        shape = {"slack": _slack, "teams": _teams}.get(params["shape"])
        if shape is not None:
            return shape(params["title"], params["message"])
        told = {"title": params["title"], "message": params["message"], "run": self.run_id}
        return {**(params["data"] or {}), **told}

    def _post(self, request: Any) -> None:
        from framework0.scriptlets.builtin.exchange import exchange
        from framework0.scriptlets.builtin.http import accepted
        from framework0.scriptlets.builtin.interruptible import run_interruptibly

        # The path of a webhook's address is its password.
        hidden = f"{request.address.scheme}://{request.address.netloc}/…"
        try:
            run_interruptibly(
                lambda line: exchange(request, line, accepted(None), len),
                cancelled=lambda: self.cancelled,
                timeout=request.timeout,
                what=f"telling {hidden}",
            )
        except StepCancelled:
            raise
        except (OSError, StepError) as error:
            words = (
                str(error)
                .replace(str(request.address), hidden)
                .replace(request.address.target, "/…")
            )
            raise type(error)(words) from None

    def _tell(self, notifier: Any, params: Mapping[str, Any]) -> None:
        from framework0.scriptlets.builtin.interruptible import run_interruptibly
        from framework0.scriptlets.builtin.params import seconds

        told = run_interruptibly(
            lambda _line: notifier.notify(body=params["message"], title=params["title"]),
            cancelled=lambda: self.cancelled,
            timeout=seconds("timeout", params["timeout"]),
            what="telling the services",
        )
        if not told:
            raise StepError("not every service took the message: its log says which")


_SLACK_SIGNS: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
"""What Slack wants replaced in a text: https://docs.slack.dev/messaging/formatting-message-text."""


def _slack(title: str, message: str) -> dict[str, Any]:
    text = f"*{title}*\n{message}" if title else message
    return {"text": "".join(_SLACK_SIGNS.get(letter, letter) for letter in text)}


def _teams(title: str, message: str) -> dict[str, Any]:
    """Return an adaptive card, as the workflows of Microsoft Teams take it."""
    heading = (
        [{"type": "TextBlock", "text": title, "weight": "Bolder", "wrap": True}] if title else []
    )
    card = {
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [*heading, {"type": "TextBlock", "text": message, "wrap": True}],
    }
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "content": card}]}


def _apprise(services: list[Any]) -> Any:
    """Return Apprise with every service added; raise UsageError, naming a service by its number."""
    try:
        from apprise import Apprise
    except ImportError:
        raise UsageError("services need Apprise: pip install 'framework0[notify]'") from None
    notifier = Apprise()
    for at, service in enumerate(services, 1):
        if not isinstance(service, str) or not notifier.add(service):
            raise UsageError(f"services[{at}] is no URL that Apprise knows")
    return notifier
