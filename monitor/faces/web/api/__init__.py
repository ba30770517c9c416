"""`/api/v1` for people and their tokens: what is kept, a page at a time, and what one may do about it."""

from __future__ import annotations

from fastapi import APIRouter

from monitor.faces.web.api import lists, verbs

router = APIRouter()
router.include_router(lists.router)
router.include_router(verbs.router)
