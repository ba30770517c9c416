"""The front against the definition, pair by pair, ties included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.science.pareto import front

costs = st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=20)


@given(costs)
def test_nobody_on_the_front_is_dominated_and_everybody_off_it_is(rows: list[tuple[int, ...]]) -> None:
    def dominated(row: tuple[int, ...]) -> bool:
        return any(other != row and all(o <= r for o, r in zip(other, row, strict=True)) for other in rows)

    assert front(rows).tolist() == [not dominated(row) for row in rows]


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ValueError, match="leave that choice out"):
        front([[1.0, np.nan]])
