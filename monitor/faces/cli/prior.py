"""`holdpoint prior`: what forecasts believe of any series beforehand, and how to learn it from your own history."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from checkpoints_db import Store
from checkpoints_db.catalogue import Catalogue
from checkpoints_db.errors import ForecastError, HoldpointError
from checkpoints_db.series import make_series
from monitor import forecasting, prior
from monitor.daemon.rules import load_rules, prior_of
from monitor.faces.cli import shell
from monitor.faces.render import number, table
from monitor.science import suite
from monitor.science.dictionary import Category, Dictionary
from monitor.science.learn import STRENGTH, gain
from monitor.science.view import View, views
from monitor.settings import Settings

app = typer.Typer(no_args_is_help=True, help="The prior: what forecasts believe of any series before it is seen.")

FEW = 10
"""Ladders below which what moved in a category may be chance."""

TEMPERS = (0.5, 1.0, 2.0)
"""Multiples of the temper in force that are tried on the lab's own history."""

PARTS = ("shape", "slope", "noise", "arrival")


class Refused(HoldpointError):
    """A file that is there is not written over unasked."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path}: is there already; name another file, or say --force to write over it")


@app.command()
def learn(
    out: Annotated[Path, typer.Option("--out", help="Write the prior here.", metavar="FILE")],
    strength: Annotated[
        float, typer.Option("--strength", min=0.01, help="How many ladders the prior in force is worth.")
    ] = STRENGTH,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Move the prior in force by every ladder in the store, and write it to a file for `prior` in the settings.

    Example: holdpoint prior learn --out prior.json
    """
    if out.exists() and not force:
        raise Refused(out)
    with shell.opened(config) as (settings, store):
        rules = load_rules(settings, shell.CLOCK)
        seen, ladders = _ladders(store, rules.catalogue)
    before = rules.prior
    with shell.progress() as tell:
        taught = suite.taught(seen, before.dictionaries, strength, lambda done, of: tell("ladders", done, of), TEMPERS)
        moved = [_moved(seen, before.of(c), d) for c, d in sorted(taught.items())]
    made_of = f"{ladders} ladders of a lab, held by strength {strength:g} to the prior {before.digest[:12]}"
    text = prior.dump({**before.dictionaries, **taught}, made_of)
    digest = prior.parse(text, str(out)).digest
    _write(out, text)
    said = {"file": str(out), "digest": digest, "from": before.digest, "ladders": ladders, "categories": moved}
    shell.show(said, _moves(moved), json=json)
    if not json:
        _explain(said, config)


def _explain(said: Mapping[str, Any], config: Path) -> None:
    shell.say(
        f"{said['ladders']} ladders; {said['file']} has digest {said['digest'][:12]}. "
        "Gain: nats a left-out rung, on these very ladders."
    )
    if few := [m["category"] for m in said["categories"] if m["few"]]:
        shell.say(
            f"Fewer than {FEW} ladders taught {', '.join(few)}: what moved there may be chance; learn again with more."
        )
    shell.say(f"To put it in force, name it as `prior` in {config}.")


def _ladders(store: Store, catalogue: Catalogue) -> tuple[list[View], int]:
    """Every ladder of the store that can teach, through its links; and how many there are. Ordered by id of series."""
    seen: list[View] = []
    every, count = sorted(store.evidence.series_ids()), 0
    for name in every:
        counting = [each.result for each in store.evidence.results(series=name) if each.counts]
        if not counting:
            continue
        try:
            series = make_series(counting, catalogue.axis(counting[0].checkpoint.family))
            ladder = forecasting.ladder_of(series)
        except ForecastError:
            continue
        seen += views(ladder)
        count += 1
    if not count:
        raise ForecastError(
            f"the store has {len(every)} series and none to learn from: one takes {forecasting.MIN_RUNGS} distinct "
            "scales away from chance, over a factor of e; bring history with `holdpoint ingest --baseline`"
        )
    return seen, count


def _moved(seen: Sequence[View], before: Dictionary, after: Dictionary) -> dict[str, Any]:
    own = [v for v in seen if v.category == after.category]
    (form, share), (form_after, share_after) = _forms(before)[0], _forms(after)[0]
    return {
        "category": after.category.name,
        "ladders": len(own),
        "few": len(own) < FEW,
        "temper": after.temper,
        "form_before": form,
        "share_before": round(share, 6),
        "form_after": form_after,
        "share_after": round(share_after, 6),
        "moved": {part: round(_distance(before, after, part), 6) for part in PARTS},
        "gain": gain(suite.teachers(own), before, after),
    }


def _distance(before: Dictionary, after: Dictionary, part: str) -> float:
    """The share of belief that went from some entries of a part to others."""
    old, new = getattr(before, f"{part}_weights"), getattr(after, f"{part}_weights")
    return float(sum(abs(a - b) for a, b in zip(old, new, strict=True))) / 2


def _forms(d: Dictionary) -> list[tuple[str, float]]:
    total: Counter[str] = Counter()
    for (form, _), weight in zip(d.shapes, d.shape_weights, strict=True):
        total[form] += weight  # type: ignore[assignment]
    return sorted(total.items(), key=lambda each: (-each[1], each[0]))


def _moves(moved: Sequence[Mapping[str, Any]]) -> object:
    columns = ("category", "ladders", "temper", "main form before", "after", *(f"{p}s moved" for p in PARTS), "gain")
    rows = [
        (
            m["category"],
            m["ladders"],
            number(m["temper"], 2),
            f"{m['form_before']} ({m['share_before']:.0%})",
            f"{m['form_after']} ({m['share_after']:.0%})",
            *(f"{m['moved'][p]:.0%}" for p in PARTS),
            number(m["gain"], 2),
        )
        for m in moved
    ]
    return table("What was learnt", columns, rows, right=("ladders", "temper", *columns[5:]))


def _write(out: Path, text: str) -> None:
    """Whole or not at all: a daemon may be reading this very file."""
    part = out.with_name(out.name + ".part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(out)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise shell.CannotWrite(out, error.strerror or str(error)) from error


@app.command()
def show(
    file: Annotated[
        Path | None, typer.Argument(help="A prior file; the one in force without it.", metavar="FILE")
    ] = None,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """The categories of a prior: how many entries each part has, and the heaviest of each.

    Example: holdpoint prior show
    """
    believed = prior_of(Settings.load(config)) if file is None else prior.load(file)
    said = [_entry(c, d) for c, d in sorted(believed.dictionaries.items())]
    rows = [
        (
            s["category"],
            number(s["temper"], 2),
            *(f"{s[p]['entries']}: {s[p]['heaviest']} ({s[p]['weight']:.0%})" for p in PARTS),
        )
        for s in said
    ]
    title = f"Prior {believed.digest[:12]}: entries, and the heaviest"
    columns = ("category", "temper", "shapes", "slopes", "noises", "arrivals")
    value = {"digest": believed.digest, "made_of": believed.made_of, "categories": said}
    shell.show(value, table(title, columns, rows, right=("temper",)), json=json)
    if not json:
        shell.say(f"made of: {believed.made_of}")


def _entry(category: Category, d: Dictionary) -> dict[str, Any]:
    out: dict[str, Any] = {"category": category.name, "temper": d.temper}
    words = {
        "shape": [_spelt(form, *parameters) for form, parameters in d.shapes],
        "slope": [_spelt("size", size) + (" leaning" if lean else "") for size, lean in d.slopes],
        "noise": [_spelt("wander", n.wander) for n in d.noises],
        "arrival": [_spelt("", e) for e in d.arrivals],
    }
    for part, names in words.items():
        weights = getattr(d, f"{part}_weights")
        top = max(range(len(names)), key=lambda i: weights[i])
        out[part] = {"entries": len(names), "heaviest": names[top], "weight": weights[top]}
    return out


def _spelt(word: str, *numbers: float) -> str:
    return " ".join([*([word] if word else []), *(f"{n:g}" for n in numbers)])
