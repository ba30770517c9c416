"""Fixtures that many tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lab import Lab, rung

from checkpoints_db import Store


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """An empty lab."""
    return Lab(tmp_path / "lab")


@pytest.fixture
def ladder(lab: Lab) -> Lab:
    """A lab with six rungs of history and their forecasts sealed."""
    lab.baseline([row for i in range(6) for row in rung(i)])
    return lab


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    with Store.open(tmp_path / "store.db", create=True) as opened:
        yield opened


@pytest.fixture
def make_lab(tmp_path: Path) -> Callable[[str], Lab]:
    """Makes further labs, by name."""
    return lambda name: Lab(tmp_path / name)
