"""What one writes on uvicorn and Starlette in an afternoon: a dict, its changes told to all who follow.

No token, no checks, no history, no limits: only the part of our protocol that the load speaks.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys

import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocketDisconnect

VALUES = {}
FOLLOWERS = set()
VERSIONS = itertools.count(1)


async def conversation(socket):
    await socket.accept()
    try:
        while True:
            await answer(socket, json.loads(await socket.receive_text()))
    except WebSocketDisconnect:
        FOLLOWERS.discard(socket)


async def answer(socket, message):
    kind = message["type"]
    if kind == "hello":
        if "follow" in message:
            FOLLOWERS.add(socket)
        await socket.send_text(json.dumps({"type": "welcome", "version": 0}))
    elif kind == "get":
        value, version = VALUES.get(message["key"], (None, 0))
        reply = {"type": "reply", "id": message["id"], "version": version, "value": value}
        await socket.send_text(json.dumps(reply))
    elif kind == "set":
        version = next(VERSIONS)
        VALUES[message["key"]] = (message["value"], version)
        if FOLLOWERS:
            change = [version, message["key"], 0, message["value"]]
            text = json.dumps({"type": "changes", "changes": [change]})
            await asyncio.gather(*[follower.send_text(text) for follower in tuple(FOLLOWERS)])
        await socket.send_text(
            json.dumps({"type": "reply", "id": message["id"], "version": version})
        )


if __name__ == "__main__":
    uvicorn.run(
        Starlette(routes=[WebSocketRoute("/", conversation)]),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="error",
        loop="uvloop",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
    )
