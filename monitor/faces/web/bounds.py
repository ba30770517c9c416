"""Bounds of every request but pushes, which have their own: how large a body is and how long it takes; and the headers
that every answer carries."""

from __future__ import annotations

import anyio
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monitor.faces.web.headers import HEADERS
from monitor.faces.web.problem import Refusal, told

LARGEST = 64 << 10
"""Bytes of a form or of a body of the API."""
SLOWEST = 20.0
"""Seconds a body may take."""
PUSHES = "/api/v1/results"


class Bounds:
    """Reads a body before the application does, as far as it may go."""

    def __init__(self, app: ASGIApp, secure: bool) -> None:
        self._app = app
        self._headers = HEADERS | ({"Strict-Transport-Security": "max-age=31536000"} if secure else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        if scope["path"] == PUSHES:
            return await self._app(scope, receive, dressed)
        try:
            body = await self._whole(receive)
        except Refusal as refusal:
            answer = told(refusal.problem, refusal.problem.status, {"Connection": "close"}, refusal.media)
            return await answer(scope, receive, dressed)
        return await self._app(scope, _once(body, receive), dressed)

    async def _whole(self, receive: Receive) -> Message:
        parts, size, last = [], 0, False
        with anyio.move_on_after(SLOWEST) as clock:
            while not last:
                message = await receive()
                if message["type"] != "http.request":
                    return message
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > LARGEST:
                    raise Refusal(413, f"the body is larger than {LARGEST} bytes; nothing was done", "send less")
                last = not message.get("more_body", False)
        if clock.cancelled_caught:
            raise Refusal(408, f"the body took longer than {SLOWEST:g} seconds; nothing was done", "send it at once")
        return {"type": "http.request", "body": b"".join(parts), "more_body": False}


def _once(body: Message, receive: Receive) -> Receive:
    waiting = [body]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again
