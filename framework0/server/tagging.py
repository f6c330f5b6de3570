"""Names for versions, over HTTP."""

from __future__ import annotations

from framework0.server.audit import signature
from framework0.server.bodies import decode
from framework0.server.keys import LARGEST, space_of, yes_or_no
from framework0.server.requests import Refused, json_answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from framework0.server.app import App
    from framework0.server.requests import Answer, Request


async def list_tags(app: App, request: Request) -> Answer:
    """List the names and their versions."""
    namespace = await space_of(app, request)
    return json_answer({"tags": await namespace.read(namespace.store.tags)})


async def put_tag(app: App, request: Request) -> Answer:
    """Name a version: that of the body, or the latest."""
    namespace = await space_of(app, request)
    body = decode(request.body)
    if not isinstance(body, dict) or not {"version"}.issuperset(body):
        raise Refused(422, "tag", 'the body is {"version": N}, or {} for the latest version')
    version = body.get("version", namespace.store.version())
    if type(version) is not int or not 0 <= version <= LARGEST:
        raise Refused(422, "tag", "a version is a whole number")
    name = request.places["tag"]
    move = yes_or_no(request, "move")

    def tag() -> None:
        namespace.store.tag(name, version, move=move)

    await namespace.ask(tag)
    app.audit.note(signature(request.caller, namespace.name), "tag", [name], version)
    return json_answer({"tag": name, "version": version})


async def delete_tag(app: App, request: Request) -> Answer:
    """Forget a name; its version stays."""
    namespace = await space_of(app, request)
    name = request.places["tag"]
    known = (await namespace.read(namespace.store.tags)).get(name)
    if known is None or not await namespace.ask(namespace.store.untag, name):
        raise Refused(404, "tag", f"there is no tag {name!r:.200}")
    app.audit.note(signature(request.caller, namespace.name), "untag", [name], known)
    return json_answer({"tag": name, "version": known})
