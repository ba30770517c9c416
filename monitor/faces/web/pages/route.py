"""Routes of pages: what is wrong with a request is told as a page, to people."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from checkpoints_db.errors import HoldpointError, StoreError
from monitor.faces.web.pages.frame import page
from monitor.faces.web.problem import Declined, Elsewhere


class PageRoute(APIRoute):
    """A route whose errors are pages."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with errors of ours as a page that says what, where, and what to do next."""
        inner = super().get_route_handler()

        async def told(request: Request) -> Response:
            try:
                return await inner(request)
            except Declined as declined:
                return _told(declined)
            except Elsewhere:
                raise
            except RequestValidationError as error:
                wrong = "; ".join(f"{'.'.join(map(str, e['loc'][1:]))}: {e['msg']}" for e in error.errors())
                return _told(Declined(422, wrong, "go back and correct it"))
            except StoreError as error:
                return _told(Declined(503, str(error), "load the page again in a moment", Retry_After="10"))
            except HoldpointError as error:
                return _told(Declined(409, str(error), "go back; nothing was changed"))

        return told


def _told(declined: Declined) -> Response:
    told = page("wrong.html", declined.problem.status, problem=declined.problem)
    told.headers.update(declined.headers)
    return told
