"""`holdpoint lease`: a signed GO that a training job carries with it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from checkpoints_db.records import PauseMode, SignedLease
from monitor import lease
from monitor.adapters.document import LARGEST, Refused, Why, read, trusted
from monitor.adapters.guard import judged
from monitor.faces.cli import naming, shell
from monitor.faces.render import as_json, clean, table
from monitor.keys import Keys
from monitor.settings import Settings

app = typer.Typer(
    no_args_is_help=True, help="Leases: a signed GO, bounded by time, FLOP and step; renewed by the daemon."
)

Run = Annotated[str, typer.Argument(help="The run, as `family/run`.", metavar="RUN")]
Step = Annotated[int | None, typer.Option("--step", help="Steps of training so far.")]
Flop = Annotated[float | None, typer.Option("--flop", help="Training FLOP so far.")]


@app.command()
def issue(
    run: Run,
    max_flop: Annotated[float | None, typer.Option(help="End earlier than the policy's compute bound.")] = None,
    max_step: Annotated[int | None, typer.Option(help="End at this step too.")] = None,
    lasting: Annotated[str, typer.Option("--for", help="End earlier than the policy's `lease.life`.")] = "",
    above: Annotated[
        int, typer.Option(min=0, help="Number it above this one; after a store was restored from a backup.")
    ] = 0,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Issue a lease for RUN, where its gate says GO now; the daemon renews it from then on. Exit code 1 where none is.

    Example: `holdpoint lease issue lab/7b --for 6h`
    """
    life = shell.lasting(lasting, "--for") if lasting else None
    bounds = lease.Bounds(max_flop=max_flop, max_step=max_step, life=life, above=above)
    with shell.opened(config) as (settings, store):
        key = Keys(settings.at(settings.lease.key)).signing()
        signed = lease.issue(store, settings, run, key, shell.now(), bounds)
        path = lease.publish(settings, signed)
    shell.show(signed.body(), f"{clean(lease.told(signed))}; written to {path}", json=json)


@app.command()
def show(
    run: Annotated[str | None, typer.Argument(help="One run; the newest lease of each without it.")] = None,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Every lease of RUN and what was taken back, or the newest of every run.

    Example: `holdpoint lease show lab/7b`
    """
    with shell.opened(config) as (_, store):
        place = naming.run_of(store, run) if run is not None else None
        newest = (store.leases.newest(*each) for each in store.leases.runs())
        leases = store.leases.all(*place) if place else [signed for signed in newest if signed]
        taken = store.leases.revocations("/".join(place) if place else None)
    if json:
        as_json({"leases": [signed.body() for signed in leases], "revocations": [one.body() for one in taken]})
        return
    columns = ("lease", "run", "gate said", "from", "until", "FLOP", "step", "pause mode", "key", "state")
    shell.say(table("Leases", columns, [_row(signed) for signed in leases]))
    for one in taken:
        shell.say(f"{clean(one.gate)}: up to {one.up_to} taken back by {clean(one.by)}: {clean(one.reason)}")


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="The lease, as it lies in the folder of leases.", metavar="FILE")],
    keys: Annotated[
        Path | None, typer.Option(help="Trusted public keys; else those beside the key of the settings.")
    ] = None,
    run: Annotated[str, typer.Option(help="The run that asks, as `family/run`.")] = "",
    step: Step = None,
    flop: Flop = None,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Whether a lease holds here and now, by what training jobs check it with; needs no store and no network.

    Exit code 0 it does, 10 it does not, with the reason. Without --step and --flop the bounds of compute are not asked.
    Example: `holdpoint lease verify leases/lab/7b.json --keys trusted.pub --run lab/7b`
    """
    if keys is None:
        settings = Settings.load(config)
        keys = Keys(settings.at(settings.lease.key)).trusted_path
    why, sentence, body = _verified(file, keys, run, step, flop)
    if json:
        as_json({"valid": why is Why.ok, "reason": str(why), "sentence": sentence, "lease": body})
    else:
        shell.say(f"{'valid' if why is Why.ok else 'NOT VALID'} ({why}): {clean(sentence)}")
    raise typer.Exit(0 if why is Why.ok else 10)


def _verified(
    file: Path, keys: Path, run: str, step: int | None, flop: float | None
) -> tuple[Why, str, dict[str, object] | None]:
    try:
        known = trusted(keys)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{keys}: {error}", param_hint="--keys") from error
    try:
        with file.open("rb") as opened:
            found = read(opened.read(LARGEST + 1), known)
    except OSError as error:
        return Why.absent, f"{file}: {error.strerror or error}", None
    except Refused as refused:
        return refused.why, f"{file}: {refused.sentence}", None
    if run and run != f"{found.family}/{found.run}":
        return Why.wrong_run, f"the lease is of {found.family}/{found.run}, not of {run}", found.body
    why, sentence = judged(found, shell.now().timestamp(), step, flop)
    if why is Why.unmeasured and step is None and flop is None:
        why = Why.ok
    ok = f"lease {found.seq} of {found.family}/{found.run} until {found.body['expires_at']}, {found.max_flop:.3g} FLOP"
    return why, ok if why is Why.ok else sentence, found.body


@app.command()
def revoke(
    run: Run,
    by: shell.By,
    reason: shell.Because,
    mode: Annotated[
        PauseMode | None,
        typer.Option(help="How jobs pause; `gate_next` lets what runs go on.", show_default="that of the lease"),
    ] = None,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Take back the leases of RUN, by a newer one that allows nothing. Only `lease issue` gives another one then.

    Example: `holdpoint lease revoke lab/7b --by carol --reason "wrong data" --mode checkpoint_and_exit`
    """
    with shell.opened(config) as (settings, store):
        key = Keys(settings.at(settings.lease.key)).signing()
        ended = lease.revoke(store, *naming.run_of(store, run), key, shell.now(), by=by, reason=reason, mode=mode)
        path = lease.publish(settings, ended)
    stops = "jobs pause by" if ended.lease.pause_mode != "gate_next" else "nothing new starts; what runs goes on, by"
    shell.show(ended.body(), f"{clean(lease.told(ended))}; {stops} {ended.lease.pause_mode}; {path}", json=json)


def _row(signed: SignedLease) -> tuple[object, ...]:
    one, now = signed.lease, shell.now()
    state = "revoked" if one.revoked else "ended" if one.expires_at <= now else "valid"
    loud = f" BREAK-GLASS {one.break_glass}" if one.break_glass else ""
    ends = (f"{one.not_before:%Y-%m-%d %H:%M}", f"{one.expires_at:%Y-%m-%d %H:%M}", f"{one.max_flop:.3g}")
    step = "" if one.max_step is None else one.max_step
    return (one.seq, one.gate, one.answer, *ends, step, one.pause_mode, one.key_id, state + loud)
