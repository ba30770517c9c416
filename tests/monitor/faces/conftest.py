"""A door over a ladder, and somebody who pushes."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from lab import Lab
from pushing import serving, web


@pytest.fixture
def client(ladder: Lab) -> Iterator[httpx.Client]:
    with serving(web(ladder)) as asking:
        yield asking
