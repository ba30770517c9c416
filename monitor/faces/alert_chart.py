"""The chart of an alert, as the messages about it carry it."""

from __future__ import annotations

from checkpoints_db import Store
from checkpoints_db.records import Alert


def alert_chart(store: Store, alert: Alert) -> bytes | None:
    """The diagnosis that the worst finding of an alert speaks of, as PNG; None where it speaks of none."""
    from monitor.faces import charts  # noqa: PLC0415 - the chart library takes a second to import
    from monitor.faces.cli.alert import about  # noqa: PLC0415 - the commands know how
    from monitor.faces.cli.verdict import picture  # noqa: PLC0415

    found = about(store, alert)[:1]
    return charts.picture(picture(store, found[0]), ".png") if found else None
