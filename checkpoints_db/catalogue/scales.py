"""Where a reading stands: family, run, step, parameters, tokens, FLOP and effective compute, as an entry has them."""

from __future__ import annotations

import difflib
from typing import Any

from checkpoints_db.catalogue.convention import near
from checkpoints_db.catalogue.entries import FORMULA, Built, Family, Run, Size
from checkpoints_db.catalogue.flop import ARCHITECTURE, Facts, missing, six_nd, training_flop
from checkpoints_db.catalogue.pattern import amount, fill
from checkpoints_db.errors import Unplaced
from checkpoints_db.records import PLANE, SCALES, Reading

TOLERANCE = 0.01
"""How far a source and the catalogue may differ in a scale they both state."""


def by_entry(entry: Run, found: dict[str, str], reading: Reading, family: Family) -> dict[str, Any]:
    """The fields of a checkpoint as the catalogue has them, completed by what the source says."""
    size = _size(found["size"], reading, family) if "size" in found else Size()
    step = int(found["step"]) if "step" in found else entry.step
    _agree(reading, "step", reading.step, step, 0.0)
    step = reading.step if step is None else step
    params, tokens = _params(entry, size, reading, family), _tokens(entry, size, found, reading, step)
    _agree(reading, "tokens", reading.tokens, tokens, TOLERANCE)
    tokens = tokens or reading.tokens
    facts = facts_of(params, tokens, family, entry, size)
    return {
        "family": entry.family,
        "run": fill(entry.run, found) if entry.match else entry.run,
        "step": step,
        "params": params,
        "tokens": tokens,
        "flop": _flop(reading, entry.flop, facts, family),
    }


def by_source(reading: Reading, family: Family) -> dict[str, Any]:
    """The fields of a checkpoint as a source that names its family and run has them."""
    facts = facts_of(reading.params, reading.tokens, family)
    fields = {name: getattr(reading, name) for name in ("family", "run", "step", *SCALES)}
    return {**fields, "flop": _flop(reading, None, facts, family)}


def facts_of(params: float | None, tokens: float | None, family: Family, *built: Built) -> Facts:
    """What conventions of counting FLOP may ask for; the first of `built` that states a fact has it."""
    given = {name: next((x for b in built if (x := getattr(b, name)) is not None), None) for name in ARCHITECTURE}
    bare = params if family.params_counts == "non-embedding" else None
    return Facts(params=params, non_embedding=bare, tokens=tokens, **given)


def _flop(reading: Reading, own: float | str | None, facts: Facts, family: Family) -> float | None:
    """FLOP as the entry has them, else as the source states them, else counted by the convention of the family."""
    convention = "6nd" if own == FORMULA else family.flop_convention
    lacks = missing(convention, facts) if convention else ("a convention",)
    counted = training_flop(convention, facts) if convention and not lacks else None
    ours = counted if isinstance(own, str) else own
    _agree(reading, "flop", reading.flop, ours, TOLERANCE)
    stated = ours or reading.flop
    if own == FORMULA or convention is None:
        return stated
    if stated is None and facts.tokens and lacks:
        why = (
            f"family {family.name!r} counts FLOP by {convention!r}, which needs {', '.join(lacks)}; give them in its "
            "[[run]], its [family.sizes] or its row, or state flop"
        )
        raise Unplaced(reading.model, why)
    if stated is not None and counted is not None and not near(stated / counted, 1.0):
        why = (
            f"its FLOP are {stated / counted:.3g} times what {convention!r} counts, the convention of family "
            f"{family.name!r}; count it alike, or give it another family"
        )
        raise Unplaced(reading.model, why)
    return stated or counted


def effective(reading: Reading, fields: dict[str, Any], entry: Run | None, family: Family) -> dict[str, Any]:
    """Effective compute and its estimator, where the catalogue declares a factor.

    Raises Unplaced where the family is ordered by it and nothing gives one: no factor is not a factor of 1.
    """
    factor = family.efficiency if entry is None or entry.efficiency is None else entry.efficiency
    estimator = family.estimator or (entry.estimator if entry else "")
    if factor is None:
        if family.axis == "effective_compute":
            why = (
                f"family {family.name!r} is ordered by effective compute, and neither its [[family]] nor the entry "
                "gives an efficiency"
            )
            raise Unplaced(reading.model, why)
        return {}
    flop = fields["flop"]
    return {"estimator": estimator, "effective_compute": flop * factor if flop else None}


def on_plane(reading: Reading, fields: dict[str, Any], family: Family) -> None:
    """Refuse a checkpoint of a family with two axes that has only one of them. Raises Unplaced.

    Step 0 has seen no tokens, and that is no gap in what is known of it.
    """
    missing = [axis for axis in PLANE.split(",") if family.axis == PLANE and fields[axis] is None]
    if fields["step"] == 0 and missing == ["tokens"]:
        return
    if missing:
        give = {"params": "params, or {size} in its match", "tokens": "tokens or tokens_per_step"}
        why = (
            f"family {family.name!r} is ordered by parameters and tokens, and its {' and '.join(missing)} are unknown; "
            f"give {' and '.join(give[axis] for axis in missing)} in its [[run]]"
        )
        raise Unplaced(reading.model, why)


def counted_alike(reading: Reading, fields: dict[str, Any]) -> None:
    """Refuse FLOP that are not 6 * params * tokens, for families that count them so. Raises Unplaced."""
    params, tokens, flop = (fields[name] for name in SCALES)
    if not (params and tokens and flop):
        return
    ratio = flop / six_nd(params, tokens)
    if not near(ratio, 1.0):
        why = (
            f"its FLOP are {ratio:.3g} times 6 * params * tokens, and family {fields['family']!r} counts "
            f"{FORMULA}; two conventions are never mixed: count it alike, or give it another family"
        )
        raise Unplaced(reading.model, why)


def _params(entry: Run, size: Size, reading: Reading, family: Family) -> float | None:
    params = entry.params if size.params is None else size.params
    if reading.run is not None or reading.family is not None:  # a harness counts parameters in its own way
        _agree(reading, "params", reading.params, params, TOLERANCE)
    if params is None and family.params_counts != "non-embedding":  # harnesses count embeddings
        return reading.params
    return params


def _tokens(entry: Run, size: Size, found: dict[str, str], reading: Reading, step: int | None) -> float | None:
    tokens = amount(found["tokens"]) if "tokens" in found else entry.tokens
    if tokens is not None:
        return tokens
    each = entry.tokens_per_step or size.tokens_per_step
    if each is not None and step is None and reading.tokens is None:
        raise Unplaced(reading.model, "tokens_per_step needs a step, and neither its name nor the source says one")
    if each is not None and step is not None:
        return step * each or None  # step 0 has seen nothing and has no place on an axis of tokens
    return size.tokens


def _size(captured: str, reading: Reading, family: Family) -> Size:
    if not family.sizes:
        return Size(params=amount(captured))
    found = family.size(captured)
    if found is None:
        close = difflib.get_close_matches(captured, family.sizes, n=1)
        hint = f"; did they mean {close[0]!r}?" if close else ""
        listed = ", ".join(family.sizes)
        why = f"size {captured!r} is not in [family.sizes] of {family.name!r} ({listed}){hint}"
        raise Unplaced(reading.model, why)
    return found


def _agree(reading: Reading, what: str, source: float | None, ours: float | None, tolerance: float) -> None:
    if source is not None and ours is not None and abs(source - ours) > tolerance * abs(ours):
        raise Unplaced(reading.model, f"{what} is {source:g} in the source and {ours:g} in the catalogue")
