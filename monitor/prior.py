"""What is believed of any series before it is seen: the dictionaries of `monitor.science`, as a file of numbers."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from checkpoints_db.errors import ForecastError
from monitor.science.dictionary import Category, Dictionary, full
from monitor.science.discrepancy import Noise
from monitor.science.forms import BY_NAME

SHIPPED = "prior.json"

NEXT = "write a new one with `holdpoint prior learn`"

ROUNDED = 1e-3
"""How far the written weights of one part may be from summing to 1."""

Weight = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Dictionary(_Part):
    """One category of the file: each entry carries its weight last."""

    shapes: tuple[tuple[str, tuple[Number, ...], Weight], ...] = Field(min_length=1)
    slopes: tuple[tuple[Number, Number, Weight], ...] = Field(min_length=1)
    noises: tuple[tuple[Number, Number, Number, Number, Weight], ...] = Field(min_length=1)
    arrivals: tuple[tuple[Number, Weight], ...] = Field(min_length=1)
    temper: Annotated[float, Field(gt=0, le=4)]
    widening: tuple[tuple[Number, Annotated[float, Field(ge=1, allow_inf_nan=False)]], ...] = Field(
        default=((0.0, 1.0),), min_length=1
    )

    @model_validator(mode="after")
    def _shares(self) -> Self:
        for part in ("shapes", "slopes", "noises", "arrivals"):
            total = sum(entry[-1] for entry in getattr(self, part))
            if abs(total - 1) > ROUNDED:
                raise ValueError(f"the weights of {part} sum to {total:g}, not to 1")
        return self


class _File(_Part):
    version: Annotated[int, Field(ge=1, le=1)]
    made_of: str
    """Whose results taught it, in words."""
    categories: dict[str, _Dictionary]


@dataclass(frozen=True)
class Prior:
    """Dictionaries by category, and the digest that a seal carries."""

    dictionaries: Mapping[Category, Dictionary]
    digest: str
    made_of: str

    def of(self, category: Category) -> Dictionary:
        """The dictionary of `category`; one that nobody taught believes in all its shapes equally."""
        known = self.dictionaries.get(category)
        return full(category) if known is None else known


def dump(dictionaries: Mapping[Category, Dictionary], made_of: str) -> str:
    """The text of a prior file; numbers to six digits, which is more than anybody knows of them."""
    categories = {c.name: _written(d) for c, d in sorted(dictionaries.items())}
    return json.dumps({"version": 1, "made_of": made_of, "categories": categories}, indent=1) + "\n"


def parse(text: str, name: str) -> Prior:
    """The prior in `text`; `name` says in errors where it came from. Raises ForecastError."""
    try:
        file = _File.model_validate_json(text)
    except ValidationError as wrong:
        first = wrong.errors()[0]
        where = ".".join(map(str, first["loc"])) or "file"
        raise ForecastError(f"prior {name}: {where}: {first['msg'].removeprefix('Value error, ')}; {NEXT}") from wrong
    try:
        dictionaries = {Category.named(key): _read(Category.named(key), d) for key, d in file.categories.items()}
    except ValueError as wrong:
        raise ForecastError(f"prior {name}: {wrong}; {NEXT}") from wrong
    return Prior(dictionaries, hashlib.sha256(text.encode()).hexdigest(), file.made_of)


def load(path: Path) -> Prior:
    """The prior in a file. Raises ForecastError where it cannot be read."""
    try:
        return parse(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as wrong:
        why = (wrong.strerror if isinstance(wrong, OSError) else None) or str(wrong)
        raise ForecastError(f"prior {path}: cannot be read: {why}; {NEXT}") from wrong


@functools.cache
def shipped() -> Prior:
    """The prior that comes with holdpoint, learnt on public ladders."""
    return parse(resources.files("monitor").joinpath(SHIPPED).read_text(encoding="utf-8"), SHIPPED)


def _short(number: float) -> float:
    return float(f"{number:.6g}")


def _written(d: Dictionary) -> dict[str, object]:
    noises = zip(d.noises, d.noise_weights, strict=True)
    return {
        "shapes": [[f, list(p), _short(w)] for (f, p), w in zip(d.shapes, d.shape_weights, strict=True)],
        "slopes": [[size, lean, _short(w)] for (size, lean), w in zip(d.slopes, d.slope_weights, strict=True)],
        "noises": [[n.wander, n.ratio, n.length, n.share, _short(w)] for n, w in noises],
        "arrivals": [[e, _short(w)] for e, w in zip(d.arrivals, d.arrival_weights, strict=True)],
        "temper": d.temper,
        "widening": [list(step) for step in d.widening],
    }


def _read(category: Category, d: _Dictionary) -> Dictionary:
    for name, parameters, _ in d.shapes:
        form = BY_NAME.get(name)
        if form is None or form.axes != category.axes or category.link not in form.links:
            raise ValueError(f"{category.name}: form {name!r} is none of its forms")
        if len(parameters) != len(form.grid[0]):
            raise ValueError(
                f"{category.name}: form {name!r} has {len(form.grid[0])} parameters, not {len(parameters)}"
            )
    return Dictionary(
        category=category,
        shapes=tuple((name, parameters) for name, parameters, _ in d.shapes),
        slopes=tuple((size, lean) for size, lean, _ in d.slopes),
        noises=tuple(Noise(*numbers) for *numbers, _ in d.noises),
        arrivals=tuple(e for e, _ in d.arrivals),
        shape_weights=tuple(w for *_, w in d.shapes),
        slope_weights=tuple(w for *_, w in d.slopes),
        noise_weights=tuple(w for *_, w in d.noises),
        arrival_weights=tuple(w for *_, w in d.arrivals),
        temper=d.temper,
        widening=d.widening,
    )
