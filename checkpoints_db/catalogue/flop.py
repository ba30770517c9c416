"""Conventions of counting training FLOP: formula, reference, and which facts of a model each one needs.

Two of them put one model at two places of the same axis, by as much as a rung; a family uses one (`flop_convention`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, get_args

from checkpoints_db.records.base import Record
from checkpoints_db.records.evidence import Positive

Convention = Literal["6nd", "kaplan", "chinchilla", "palm", "megatron"]
"""`6nd` counts the parameters as the catalogue has them; the others say themselves what they count."""

CONVENTIONS: tuple[Convention, ...] = get_args(Convention)


class Architecture(Record):
    """How a model is built; only some conventions ask for it. A run, a size or a row of a table may state it."""

    layers: Positive | None = None
    width: Positive | None = None
    """Of the residual stream, d_model."""
    context: Positive | None = None
    """Tokens of one training sequence."""
    vocabulary: Positive | None = None
    feedforward: Positive | None = None
    """Width inside the feed-forward block; None: four times the width."""
    attention: Positive | None = None
    """Heads times size of a head; None: the width."""
    heads: Positive | None = None
    """Heads of attention, for the FLOP of its softmax; None: as many as are 128 wide."""


ARCHITECTURE = tuple(Architecture.model_fields)


class Facts(Architecture):
    """What is known of a model and its training; None where nothing is."""

    params: Positive | None = None
    """Parameters as the ladder counts them."""
    non_embedding: Positive | None = None
    """Parameters without embeddings."""
    tokens: Positive | None = None
    """Training tokens."""


class _Counted(NamedTuple):
    needs: tuple[str, ...]
    words: str
    flop: Callable[[Facts], float]


def training_flop(convention: Convention, facts: Facts) -> float:
    """FLOP of a training run by `convention`; raises ValueError naming the facts that are missing.

    >>> gpt3 = Facts(params=174.6e9, tokens=3e11, layers=96, width=12288, context=2048, vocabulary=50257)
    >>> f"{training_flop('6nd', gpt3):.3g}"  # Brown et al. 2020, table D.1: 3.14e23
    '3.14e+23'
    >>> f"{training_flop('palm', gpt3):.3g}"
    '3.23e+23'
    """
    lacks = missing(convention, facts)
    if lacks:
        raise ValueError(f"FLOP by {convention!r} need {', '.join(lacks)}")
    return _BY_NAME[convention].flop(facts)


def missing(convention: Convention, facts: Facts) -> tuple[str, ...]:
    """The facts that `convention` needs and `facts` lacks, in the catalogue's words.

    >>> missing("palm", Facts(params=1e9, tokens=2e10, layers=16))
    ('width', 'context')
    """
    needs = _BY_NAME[convention].needs
    if convention == "kaplan" and facts.non_embedding is None and facts.layers and facts.width:
        needs = ("tokens",)
    return tuple(name for name in needs if getattr(facts, name) is None)


def words(convention: Convention, params_counts: str | None = None) -> str:
    """What the FLOP of `convention` count, as a sentence for people.

    >>> words("6nd", "total"), words("kaplan")
    ('6 * total params * tokens', '6 * non-embedding params * tokens')
    """
    return _BY_NAME[convention].words.format(params=params_counts or "(not said which)")


def difference(one: Convention, other: Convention, facts: Facts) -> float:
    """How far `one` counts above `other` for the same model, as a share of `other`.

    >>> small = Facts(params=73e6, tokens=1e9, layers=10, width=640, context=2048, vocabulary=32000)
    >>> round(difference("chinchilla", "kaplan", small), 2), round(difference("megatron", "kaplan", small), 2)
    (0.54, 0.95)
    >>> large = Facts(params=6.8e9, tokens=1e11, layers=40, width=3584, context=2048, vocabulary=32000)
    >>> round(difference("chinchilla", "kaplan", large), 2)
    0.1
    """
    return training_flop(one, facts) / training_flop(other, facts) - 1


def six_nd(params: float, tokens: float) -> float:
    """6 N D: two FLOP forward and four backward, for each parameter and token (Kaplan et al. 2020, section 2.1).

    >>> six_nd(1e9, 2e10)
    1.2e+20
    """
    return 6 * params * tokens


def non_embedding(
    layers: float, width: float, feedforward: float | None = None, attention: float | None = None
) -> float:
    """Parameters without embeddings, 2 d L (2 a + f), a: heads times their size, f: feed-forward.

    Reference: Kaplan et al. 2020, eq. 2.1.

    >>> f"{non_embedding(96, 12288):.4g}"  # the usual 12 L d^2, of the 174.6e9 of GPT-3
    '1.739e+11'
    """
    inner, attended = feedforward or 4 * width, attention or width
    return 2 * width * layers * (2 * attended + inner)


def _six_nd(f: Facts) -> float:
    return six_nd(f.params or 0.0, f.tokens or 0.0)


def _kaplan(f: Facts) -> float:
    own = f.non_embedding or non_embedding(f.layers or 0.0, f.width or 0.0, f.feedforward, f.attention)
    return six_nd(own, f.tokens or 0.0)


def _palm(f: Facts) -> float:
    """6 N + 12 L a T a token: attention's own products added (Chowdhery et al. 2022, appendix B)."""
    attention = 12 * (f.layers or 0.0) * (f.attention or f.width or 0.0) * (f.context or 0.0)
    return _six_nd(f) + attention * (f.tokens or 0.0)


def _chinchilla(f: Facts) -> float:
    """Three times a forward pass with attention and its softmax (Hoffmann et al. 2022, appendix F).

    Its list names embeddings and logits too; its table A4 is met by leaving both out, and so they are.
    """
    L, d, s = (getattr(f, name) or 0.0 for name in ("layers", "width", "context"))
    a, inner = f.attention or d, f.feedforward or 4 * d
    softmax = 3 * (f.heads or a / HEAD) * s
    attended = 2 * 3 * d * a + 2 * s * a + softmax + 2 * s * a + 2 * a * d
    return 3 * L * (attended + 4 * d * inner) * (f.tokens or 0.0)


def _megatron(f: Facts) -> float:
    """72 L d^2 (1 + s / 6d + v / 12 L d) a token: no activation twice (Narayanan et al. 2021, eq. 3; 72 for its 96)."""
    L, d, s, v = (getattr(f, name) or 0.0 for name in ("layers", "width", "context", "vocabulary"))
    return 72 * L * d * d * (1 + s / (6 * d) + v / (12 * L * d)) * (f.tokens or 0.0)


HEAD = 128.0
"""Size of a head; it only matters to the FLOP of the softmax, less than a hundredth of all."""

_BY_NAME: dict[Convention, _Counted] = {
    "6nd": _Counted(("params", "tokens"), "6 * {params} params * tokens", _six_nd),
    "kaplan": _Counted(("non_embedding", "tokens"), "6 * non-embedding params * tokens", _kaplan),
    "chinchilla": _Counted(
        ("tokens", "layers", "width", "context"),
        "3 * a forward pass with attention and softmax, without embeddings and logits (Chinchilla, appendix F)",
        _chinchilla,
    ),
    "palm": _Counted(
        ("params", "tokens", "layers", "width", "context"),
        "(6 * {params} params + 12 * layers * width * context) * tokens (PaLM, appendix B)",
        _palm,
    ),
    "megatron": _Counted(
        ("tokens", "layers", "width", "context", "vocabulary"),
        "72 * layers * width^2 * (1 + context / 6 width + vocabulary / 12 layers width) * tokens (Megatron)",
        _megatron,
    ),
}
