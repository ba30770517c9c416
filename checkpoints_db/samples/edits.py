"""How far a generated answer is from the right one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

Tokens = Literal["characters", "whitespace"]
"""How a text is cut: Unicode code points, or words between white space. Never a model's own tokens: they differ."""

LARGEST = 400_000_000
"""Largest product of the lengths of two texts, in tokens, that are compared: the work grows with it."""


def tokens(text: str, by: Tokens) -> Sequence[str]:
    """The tokens of `text`. Raises ValueError for a way of cutting that has no name here.

    >>> tokens("a  b", "whitespace"), list(tokens("a b", "characters"))
    (['a', 'b'], ['a', ' ', 'b'])
    """
    if by not in get_args(Tokens):
        raise ValueError(f"{by!r} is no way to cut a text; known are {', '.join(get_args(Tokens))}")
    return text.split() if by == "whitespace" else text


def edit_distance(answer: str, targets: Sequence[str], by: Tokens) -> int:
    """Levenshtein distance of `answer` to the nearest of `targets`: fewest tokens put in, taken out or replaced.

    Levenshtein 1966; as a continuous stand-in for exact match: Schaeffer et al. 2023, section 2 ("token edit
    distance"). Counted, not divided by a length. Raises ValueError without a target and for texts longer than LARGEST
    allows.

    >>> edit_distance("kitten", ["sitting"], "characters")
    3
    >>> edit_distance("the red cat", ["a red cat", "dog"], "whitespace")
    1
    """
    if not targets:
        raise ValueError("an edit distance needs a target")
    given, wanted = tokens(answer, by), [tokens(target, by) for target in targets]
    longest = max(len(each) for each in wanted)
    if len(given) * longest > LARGEST:
        raise ValueError(f"an answer of {len(given)} and a target of {longest} {by} are too long to compare")
    return min(Levenshtein.distance(given, each) for each in wanted)


def edit_distances(answers: Sequence[str], targets: Sequence[Sequence[str]], by: Tokens) -> NDArray[np.int64]:
    """`edit_distance` of each answer to the nearest of its own targets, many at once; shape (n,).

    >>> edit_distances(["kitten", "dog"], [["sitting"], ["cat", "dogs"]], "characters").tolist()
    [3, 1]
    """
    sizes = np.array([len(each) for each in targets], dtype=np.intp)
    if not np.all(sizes):
        raise ValueError("an edit distance needs a target")
    if not sizes.size:
        return np.empty(0, dtype=np.int64)
    given = [answer for answer, each in zip(answers, targets, strict=True) for _ in each]
    distances = edit_distance_pairs(given, [target for each in targets for target in each], by)
    nearest: NDArray[np.int64] = np.minimum.reduceat(distances, np.cumsum(sizes) - sizes)
    return nearest


def edit_distance_pairs(answers: Sequence[str], targets: Sequence[str], by: Tokens) -> NDArray[np.int64]:
    """`edit_distance` of each answer to its one target, many at once; shape (n,).

    >>> edit_distance_pairs(["the red cat", "dog"], ["a red cat", "dog"], "whitespace").tolist()
    [1, 0]
    """
    if by == "characters":
        given, wanted = list[Sequence[str]](answers), list[Sequence[str]](targets)
    else:
        given, wanted = ([tokens(text, by) for text in texts] for texts in (answers, targets))
    work = np.array(list(map(len, given))) * np.array(list(map(len, wanted)))
    if (long := np.flatnonzero(work > LARGEST)).size:
        first = long[0]
        why = f"an answer of {len(given[first])} and a target of {len(wanted[first])} {by}"
        raise ValueError(f"{why} are too long to compare")
    distances: NDArray[np.int64] = process.cpdist(given, wanted, scorer=Levenshtein.distance, dtype=np.int64)
    return distances
