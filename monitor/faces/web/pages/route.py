"""Routes of pages: what is wrong with a request is told as a page, to people."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from checkpoints_db.errors import HoldpointError, StoreError
from monitor.faces.web.pages.sheet import show
from monitor.faces.web.problem import Declined


class PageRoute(APIRoute):
    """A route whose errors are pages."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with errors of ours as a page that says what, where, and what to do next."""
        inner = super().get_route_handler()

        async def told(request: Request) -> Response:
            try:
                return await inner(request)
            except Declined as declined:
                problem = declined.problem
                page = show(request, "wrong.html", problem.status, problem=problem)
                page.headers.update(declined.headers)
                return page
            except RequestValidationError as error:
                wrong = "; ".join(f"{'.'.join(map(str, e['loc'][1:]))}: {e['msg']}" for e in error.errors())
                problem = Declined(422, wrong, "go back and correct it").problem
                return show(request, "wrong.html", 422, problem=problem)
            except StoreError as error:
                problem = Declined(503, str(error), "load the page again in a moment").problem
                return show(request, "wrong.html", 503, problem=problem)
            except HoldpointError as error:
                problem = Declined(409, str(error), "go back; nothing was changed").problem
                return show(request, "wrong.html", 409, problem=problem)

        return told
