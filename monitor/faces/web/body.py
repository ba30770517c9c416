"""The body of a push: files as they are, taken chunk by chunk and never more than the limit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import PurePosixPath
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

import anyio
from fastapi import Request
from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from checkpoints_db.errors import UnreadableFile
from monitor.daemon.push import distinct
from monitor.faces.web.problem import Declined

RAW, FORM = "application/octet-stream", "multipart/form-data"
NAME = "X-File-Name"
MOST_FILES = 200
IN_MEMORY = 1 << 20
"""What a file has beyond this lies on disk, in bytes."""
CHUNK = 1 << 20
SLOWEST = 900
"""Seconds a body may take."""
Files = list[tuple[PurePosixPath, Iterator[bytes]]]


class Bounded:
    """What a client sends, until it is more than `limit` bytes, or ends otherwise than with `ending`."""

    def __init__(self, receive: Receive, limit: int, ending: bytes) -> None:
        self._receive, self._limit, self._ending = receive, limit, ending
        self.size, self._tail = 0, b""

    async def __call__(self) -> Message:
        message = await self._receive()
        body: bytes = message.get("body", b"")
        self.size += len(body)
        if self.size > self._limit:
            raise too_large(self._limit)
        self._tail = (self._tail + body)[-(len(self._ending) + 8) :]
        last = message["type"] == "http.request" and not message.get("more_body", False)
        if last and self.size and not self._tail.rstrip(b"\r\n").endswith(self._ending):
            # Parsers pass over a part that does not end: its file would be lost without a word.
            why = "the form ends before its last boundary: it was cut off; nothing was taken"
            raise Declined(422, why, "push it again, whole")
        return message


def too_large(limit: int) -> Declined:
    """More than may be sent."""
    return Declined(
        413,
        f"the request is larger than the limit of {limit} bytes; nothing was taken",
        "push fewer files at once, write them to a folder that is a source, or raise web.limit",
    )


def unwritten(error: OSError) -> Declined:
    """It could not be written to disk."""
    why = f"it could not be written down ({error.strerror or error}); nothing was taken"
    return Declined(503, why, "make room where spool and temporary files lie, then push it again", Retry_After="60")


@asynccontextmanager
async def files_of(request: Request, limit: int) -> AsyncIterator[Files]:
    """The files of a request, each with its confined name. Raises Declined."""
    kind = _kind(request)
    if (stated := request.headers.get("content-length", "")).isdecimal() and int(stated) > limit:
        raise too_large(limit)
    bounded = Bounded(request.receive, limit, _ending(request) if kind == FORM else b"")
    async with AsyncExitStack() as stack:
        try:
            with anyio.fail_after(SLOWEST):
                parts = await (_form if kind == FORM else _raw)(Request(request.scope, bounded), stack)
        except ClientDisconnect as error:
            why = "the connection ended before the body did; nothing was taken"
            raise Declined(400, why, "push it again") from error
        except TimeoutError as error:
            why = f"the body took longer than {SLOWEST} seconds; nothing was taken"
            raise Declined(408, why, "push fewer files at once, or from nearer by") from error
        except OSError as error:
            raise unwritten(error) from error
        if not bounded.size or not any(size for _, size, _ in parts):
            raise Declined(422, "nothing came; nothing was taken", "send the file as the body, or files as a form")
        try:
            names = distinct([name for name, _, _ in parts])
        except UnreadableFile as error:
            raise Declined(422, f"{error}; nothing was taken", "give another name") from error
        yield [(name, _chunks(file)) for name, (_, _, file) in zip(names, parts, strict=True)]


Parts = list[tuple[str, int, BinaryIO]]


def _kind(request: Request) -> str:
    packed = request.headers.get("content-encoding", "identity").strip().lower()
    if packed not in ("", "identity"):
        why = f"content is packed ({packed[:40]}); nothing was taken"
        raise Declined(415, why, "send the bytes as they are: a packed body says nothing of how large it is")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (RAW, FORM):
        why = f"content type {kind[:80]!r} is not taken; nothing was taken"
        raise Declined(415, why, f"send one file as {RAW}, or several that belong together as {FORM}")
    return kind


def _ending(request: Request) -> bytes:
    _, options = parse_options_header(request.headers["content-type"])
    return b"--" + options.get(b"boundary", b"") + b"--"


async def _raw(request: Request, stack: AsyncExitStack) -> Parts:
    name = request.query_params.get("name") or request.headers.get(NAME)
    if not name:
        why = "the file has no name, and names say which files belong together; nothing was taken"
        raise Declined(422, why, f"add ?name=results.json or the header {NAME}")
    spooled = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - the stack closes it
    file = UploadFile(cast("BinaryIO", spooled), size=0)
    stack.push_async_callback(file.close)
    async for chunk in request.stream():
        await file.write(chunk)
    await file.seek(0)
    return [(name, file.size or 0, file.file)]


async def _form(request: Request, stack: AsyncExitStack) -> Parts:
    try:
        form = await stack.enter_async_context(request.form(max_files=MOST_FILES, max_fields=MOST_FILES))
    except HTTPException as error:
        why = f"not a form: {error.detail}; nothing was taken"
        raise Declined(422, why, "send it as an HTTP library or `curl -F file=@NAME` does") from error
    parts = []
    for field, value in form.multi_items():
        if isinstance(value, str) or not value.filename:
            why = f"field {field[:80]!r} is no file with a name; nothing was taken"
            raise Declined(422, why, "send files only, each with its name")
        parts.append((value.filename, value.size or 0, value.file))
    return parts


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk
