"""The schema of the store, step by step; steps are only ever appended."""

from __future__ import annotations

from sqlite_utils import Database, Migrations

schema = Migrations("holdpoint")


@schema()
def m001_ledger(db: Database) -> None:
    """The hash chain: every seal, verdict, decision and review, in order, never edited."""
    db.table("ledger").create(
        {"seq": int, "at": str, "kind": str, "subject": str, "body": str, "previous": str, "digest": str},
        pk="seq",
        not_null={"at", "kind", "subject", "body", "previous", "digest"},
        strict=True,
    )
    db.table("ledger").create_index(["kind", "subject"])
    for verb in ("UPDATE", "DELETE"):
        db.execute(
            f"CREATE TRIGGER ledger_refuses_{verb.lower()} BEFORE {verb} ON ledger "
            "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
        )


@schema()
def m002_evidence(db: Database) -> None:
    """Files seen, results, and readings without a place."""
    db.table("sightings").create(
        {"path": str, "size": int, "mtime_ns": int, "seen_at": str, "seen_after": int, "sha256": str},
        pk="path",
        strict=True,
    )
    db.table("files").create(
        {
            "sha256": str,
            "path": str,
            "size": int,
            "reader": str,
            "status": str,
            "reason": str,
            "baseline": int,
            "seen_at": str,
            "seen_after": int,
            "changed_at": str,
            "notes": str,
        },
        pk="sha256",
        strict=True,
    )
    db.table("results").create(
        {
            "identity": str,
            "key": str,
            "series": str,
            "family": str,
            "run": str,
            "checkpoint": str,
            "step": int,
            "stage": str,
            "task": str,
            "metric": str,
            "kind": str,
            "value": float,
            "counts": int,
            "baseline": int,
            "source": str,
            "seen_at": str,
            "seen_after": int,
            "seq": int,
            "body": str,
        },
        pk="identity",
        strict=True,
    )
    for columns in (["key"], ["series"], ["family", "run"]):
        db.table("results").create_index(columns)
    db.table("unplaced").create(
        {
            "id": str,
            "model": str,
            "task": str,
            "metric": str,
            "reason": str,
            "source": str,
            "baseline": int,
            "seen_at": str,
            "seen_after": int,
            "placed_at": str,
            "body": str,
        },
        pk="id",
        strict=True,
    )


@schema()
def m003_judgement(db: Database) -> None:
    """Sealed forecasts, verdicts, diagnoses, decisions: indexes into the ledger, which holds the bodies."""
    db.table("forecasts").create(
        {"digest": str, "series": str, "family": str, "task": str, "metric": str, "stage": str, "at": str, "seq": int},
        pk="digest",
        strict=True,
    )
    db.table("forecasts").create_index(["series", "seq"])
    for name, extra in (
        ("verdicts", {"task": str, "metric": str, "result": str, "outcome": str, "why": str}),
        ("diagnoses", {"question": str, "name": str}),
        ("decisions", {"answer": str, "reason": str, "policy": str, "evidence": str}),
    ):
        columns = {"digest": str, "family": str, "run": str, "checkpoint": str, **extra, "at": str, "seq": int}
        db.table(name).create(columns, pk="digest", strict=True)
        db.table(name).create_index(["family", "run", "seq"])


@schema()
def m004_action(db: Database) -> None:
    """Gates, alerts, what people decided, messages owed, and who leads."""
    db.table("gates").create(
        {"gate": str, "family": str, "run": str, "answer": str, "at": str, "latch": str, "body": str},
        pk="gate",
        strict=True,
    )
    db.table("alerts").create(
        {
            "fingerprint": str,
            "id": str,
            "family": str,
            "run": str,
            "rule": str,
            "answer": str,
            "state": str,
            "opened_at": str,
            "changed_at": str,
            "body": str,
        },
        pk="fingerprint",
        strict=True,
    )
    db.table("alert_events").create(
        {"id": int, "alert": str, "event": str, "at": str, "by": str, "sentence": str, "seq": int}, pk="id", strict=True
    )
    db.table("alert_events").create_index(["alert"])
    db.table("reviews").create(
        {"id": str, "kind": str, "family": str, "run": str, "by": str, "at": str, "seq": int, "body": str},
        pk="id",
        strict=True,
    )
    db.table("reviews").create_index(["kind", "family", "run"])
    db.table("outbox").create(
        {
            "id": str,
            "receiver": str,
            "event": str,
            "alert": str,
            "at": str,
            "attempts": int,
            "next_at": str,
            "sent_at": str,
            "failed_at": str,
            "error": str,
            "body": str,
        },
        pk="id",
        strict=True,
    )
    db.table("leadership").create({"name": str, "holder": str, "expires": str}, pk="name", strict=True)
    db.table("facts").create({"name": str, "value": str, "at": str}, pk="name", strict=True)


@schema()
def m005_shared_bytes(db: Database) -> None:
    """The same bytes in two folders are two files where a reader also reads what lies beside them."""
    for column in ("content", "context"):
        db.table("files").add_column(column, str, not_null_default="")
    db.table("files").create_index(["content"])


@schema()
def m006_scores(db: Database) -> None:
    """How sealed forecasts did: one row a judged result, so that track records need no ledger row."""
    numbers = dict.fromkeys(("pit", "crps", "miss", "persistence_miss", "room"), float)
    db.table("scores").create(
        {"result": str, "family": str, "run": str, "series": str, "kind": str, "seq": int, **numbers},
        pk="result",
        not_null={"family", "run", "series", "kind", "seq", *numbers},
        strict=True,
    )
    db.table("scores").create_index(["family", "run"])
    db.table("scores").create_index(["series"])


@schema()
def m007_items(db: Database) -> None:
    """What each question's likelihood and answer were, log by log."""
    db.table("items").create(
        {
            "id": str,
            "source": str,
            "task": str,
            "conditions": str,
            "kept": int,
            "asked": int,
            "sha256": str,
            "seq": int,
            "body": bytes,
        },
        pk="id",
        strict=True,
    )
    db.table("items").create_index(["source", "task"])


@schema()
def m008_delivery(db: Database) -> None:
    """Messages about groups of alerts, what each group was told, every attempt, and whom nothing reaches now."""
    for column in ("topic", "routed_to"):
        db.table("outbox").add_column(column, str, not_null_default="")
    db.table("outbox").create_index(["receiver", "sent_at", "failed_at"])
    db.table("outbox_alerts").create(
        {"message": str, "alert": str, "event": str, "at": str}, pk=("message", "alert"), strict=True
    )
    db.table("outbox_alerts").create_index(["alert", "message"])
    db.table("topics").create({"topic": str, "told_at": str, "rank": int, "escalated_at": str}, pk="topic", strict=True)
    db.table("deliveries").create(
        {
            "id": int,
            "message": str,
            "receiver": str,
            "alert": str,
            "event": str,
            "at": str,
            "attempt": int,
            "outcome": str,
            "reason": str,
            "seq": int,
        },
        pk="id",
        strict=True,
    )
    db.table("deliveries").create_index(["message"])
    reach = {"name": str, "failures": int, "held_until": str, "resent_at": str}
    db.table("receivers").create(reach, pk="name", strict=True)
