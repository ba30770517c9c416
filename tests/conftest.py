"""Fixtures that many tests share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from lab import Lab, rung

from checkpoints_db import Store

# The same examples every time, so that a green run stays green; `HYPOTHESIS_PROFILE=explore` looks for new ones.
settings.register_profile("steady", derandomize=True, database=None)
settings.register_profile("explore", max_examples=1000)
# A mutant is to be found, and its example need not be small.
settings.register_profile("brief", derandomize=True, database=None, phases=[Phase.explicit, Phase.generate])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """An empty lab."""
    return Lab(tmp_path / "lab")


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A ladder that was built once, to be copied: building it takes as long as many tests."""
    lab = Lab(tmp_path_factory.mktemp("built") / "lab")
    lab.baseline([row for i in range(6) for row in rung(i)])
    return lab


@pytest.fixture
def ladder(built: Lab, tmp_path: Path) -> Lab:
    """A lab with six rungs of history and their forecasts sealed."""
    return built.copy(tmp_path / "lab")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    with Store.open(tmp_path / "store.db", create=True) as opened:
        yield opened


@pytest.fixture
def make_lab(tmp_path: Path) -> Callable[[str], Lab]:
    """Makes further labs, by name."""
    return lambda name: Lab(tmp_path / name)
