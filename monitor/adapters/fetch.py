"""Where a lease comes from: a file, or a server. A door of the network, for training jobs."""

from __future__ import annotations

import urllib.error
import urllib.request
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, Protocol
from urllib.parse import urlsplit

from monitor.adapters.document import LARGEST, Refused, Why


class Source(Protocol):
    """Gives the newest lease as it is written. Raises Refused with `absent` or `unreachable`."""

    slow: bool
    """Whether asking may take long, and is better done beside the training loop."""

    def get(self) -> bytes:
        """The bytes of the document."""
        ...


class File:
    """A lease in a file."""

    slow = False

    def __init__(self, path: Path) -> None:
        self.path = path

    def get(self) -> bytes:
        """The bytes of the file, at most one more than a lease may have."""
        try:
            with self.path.open("rb") as file:
                return file.read(LARGEST + 1)
        except (FileNotFoundError, NotADirectoryError):
            raise Refused(Why.absent, f"{self.path}: there is no lease") from None
        except OSError as error:
            raise Refused(Why.unreachable, f"{self.path}: cannot be read: {error.strerror or error}") from None


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows nobody elsewhere: the token is for the one address that was named."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        """No request to another place."""


class Server:
    """A lease served at `/api/v1/leases/FAMILY/RUN`, shown a token that may read."""

    slow = True

    def __init__(self, url: str, token: str = "", timeout: float = 5.0) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise ValueError(f"{url!r} is no http or https address")
        self.url, self._token, self.timeout = url, token, timeout
        self._opener = urllib.request.build_opener(_Stay())

    def get(self) -> bytes:
        """The bytes of the answer, at most one more than a lease may have."""
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        request = urllib.request.Request(self.url, headers=headers)  # noqa: S310 - the scheme was looked at
        try:
            with self._opener.open(request, timeout=self.timeout) as answer:
                return bytes(answer.read(LARGEST + 1))
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 404:
                raise Refused(Why.absent, f"{self.url}: there is no lease") from None
            hint = "; look at the token" if error.code in (401, 403) else ""
            raise Refused(Why.unreachable, f"{self.url}: answered {error.code}{hint}") from None
        except (OSError, HTTPException, ValueError) as error:
            raise Refused(Why.unreachable, f"{self.url}: no answer: {error}") from None


def source_of(place: str | Path, token: str, timeout: float) -> Source:
    """The source that a path or an address names."""
    if isinstance(place, str) and "://" in place:
        return Server(place, token, timeout)
    return File(Path(place))
