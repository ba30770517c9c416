"""`/ledger`: the record, newest rows first, and whether it holds."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from checkpoints_db.errors import LedgerBroken
from monitor.faces.views.ledger import KINDS, ledger_page, spelled, verified
from monitor.faces.web.access import Person, may
from monitor.faces.web.pages.frame import absent, reading, show
from monitor.faces.web.pages.route import PageRoute

router = APIRouter(route_class=PageRoute)
Auditor = Annotated[Person, Depends(may("audit"))]


@router.get("/ledger")
def page(
    request: Request,
    person: Auditor,
    kind: Annotated[str, Query(max_length=40)] = "",
    before: Annotated[int | None, Query(ge=1)] = None,
) -> Response:
    """Rows, newest first."""
    with reading(request) as store:
        found = ledger_page(store, kind, before)
    return show(request, person, "ledger.html", found=found, kinds=KINDS, verified=None)


@router.get("/ledger/verify")
def verify(request: Request, person: Auditor) -> Response:
    """Walk the whole chain and say whether it holds."""
    with reading(request) as store:
        told = verified(store)
        found = ledger_page(store, "", None)
    return show(request, person, "ledger.html", found=found, kinds=KINDS, verified=told)


@router.get("/ledger/{seq}")
def row(request: Request, person: Auditor, seq: int) -> Response:
    """One row with its whole body."""
    with reading(request) as store:
        try:
            entry = store.ledger.entry(seq)
        except LedgerBroken as error:
            raise absent(str(error), "see the list of rows, and `holdpoint ledger verify`") from error
    return show(request, person, "row.html", entry=entry, body=spelled(entry))
