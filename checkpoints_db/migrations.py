"""The schema of the store, step by step; steps are only ever appended."""

from __future__ import annotations

from checkpoints_db.chain import GENESIS, chained
from checkpoints_db.records.base import canonical
from checkpoints_db.sqlite import Database, Migrations

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
def m008_policies(db: Database) -> None:
    """Which policy is in force since which row of the ledger, what waits for approval, and what decides in shadow."""
    columns = {"seq": int, "event": str, "digest": str, "name": str, "version": str, "change": str, "at": str}
    db.table("policies").create(columns, pk="seq", not_null=set(columns), strict=True)
    columns = {"digest": str, "family": str, "run": str, "checkpoint": str, "answer": str, "reason": str}
    columns |= {"policy": str, "evidence": str, "at": str}
    db.table("shadow_decisions").create({**columns, "seq": int}, pk="digest", strict=True)
    db.table("shadow_decisions").create_index(["family", "run", "seq"])


KEPT = ("forecasts", "verdicts", "diagnoses", "decisions", "shadow_decisions", "policies", "reviews", "alert_events")
"""Tables whose rows are written once, as those of the ledger are."""
ADDED = ("results", "items", "files", "unplaced", "alerts", "outbox", "gates", "scores")
"""Tables whose rows change with what is learnt, and never go."""
CARRIED = {
    "files": ("*", "sha256"),
    "results": ("identity, counts, seen_at, seen_after", "identity"),
    "unplaced": ("id, source, baseline, seen_at, seen_after, placed_at", "id"),
    "decisions": ("digest, checkpoint", "digest"),
    "alerts": ("*", "fingerprint"),
    "reviews": ("id, family, run", "id"),
    "outbox": ("*", "id"),
}
"""What ledgers did not tell before step 9, and the key of each table."""


@schema()
def m009_whole_ledger(db: Database) -> None:
    """Everything can be rebuilt from the ledger: what it did not tell so far is carried into it, once."""
    row = next(iter(db.query("select seq, digest, at from ledger order by seq desc limit 1")), None)
    seq, digest, at = (row["seq"], row["digest"], row["at"]) if row else (0, GENESIS, "")
    for table, (columns, key) in CARRIED.items():
        found = list(db.query(f"select {columns} from {table} order by {key}"))  # noqa: S608 - ours alone
        for start in range(0, len(found), 500):
            text = canonical(found[start : start + 500])
            entry = chained(seq, digest, at, "carried", table, text)
            db.table("ledger").insert(entry)
            seq, digest = entry["seq"], entry["digest"]


@schema()
def m010_append_only(db: Database) -> None:
    """What is written once is never changed, and nothing that was told is ever gone."""
    for table, verb in [*((t, "UPDATE") for t in KEPT), *((t, "DELETE") for t in (*KEPT, *ADDED))]:
        _refuse(db, table, verb)


def _refuse(db: Database, table: str, verb: str) -> None:
    """Have the store refuse to UPDATE, or to DELETE, any row of a table."""
    done = {"UPDATE": "changed", "DELETE": "deleted"}[verb]
    db.execute(
        f"CREATE TRIGGER {table}_refuses_{verb.lower()} BEFORE {verb} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, 'rows of {table} are never {done}'); END"
    )


@schema()
def m011_asked_often(db: Database) -> None:
    """What `gate ask` looks for is found at once, however many results there are."""
    db.table("files").create_index(["status"])
    db.table("results").create_index(["run", "family"])
    db.table("results").create_index(["family", "seq"])
    db.table("results").create_index(["checkpoint"])
    db.table("items").create_index(["seq"])
    db.table("reviews").create_index(["seq"])


@schema()
def m012_cases(db: Database) -> None:
    """What gates were last decided on: read again instead of computed again, while nothing that made it has changed."""
    db.table("cases").create(
        {"name": str, "key": str, "seq": int, "body": str}, pk="name", not_null={"key", "seq", "body"}, strict=True
    )


@schema()
def m013_leases(db: Database) -> None:
    """Leases that were issued, and those taken back."""
    db.table("leases").create(
        {
            "id": str,
            "gate": str,
            "family": str,
            "run": str,
            "number": int,
            "not_before": str,
            "expires_at": str,
            "revoked": int,
            "key": str,
            "seq": int,
            "body": str,
        },
        pk="id",
        strict=True,
    )
    db.table("leases").create_index(["gate", "number"])
    db.table("revocations").create(
        {"id": str, "gate": str, "up_to": int, "by": str, "reason": str, "at": str, "seq": int}, pk="id", strict=True
    )
    db.table("revocations").create_index(["gate"])
    for table, verb in ((t, v) for t in ("leases", "revocations") for v in ("UPDATE", "DELETE")):
        _refuse(db, table, verb)


@schema()
def m014_delivery(db: Database) -> None:
    """Messages about several alerts, every attempt, what groups were told, and whom nothing reaches now."""
    db.table("outbox").add_column("topic", str, not_null_default="")
    db.table("outbox").create_index(["sent_at", "failed_at", "next_at"])
    db.table("outbox").create_index(["receiver"])
    told = {"id": str, "message": str, "alert": str, "event": str, "at": str}
    db.table("outbox_alerts").create(told, pk="id", strict=True)
    db.table("outbox_alerts").create_index(["alert", "message"])
    db.table("outbox_alerts").create_index(["message", "alert"])
    tried = {"seq": int, "message": str, "receiver": str, "at": str, "attempt": int, "outcome": str, "reason": str}
    db.table("deliveries").create(tried, pk="seq", strict=True)
    db.table("deliveries").create_index(["message"])
    db.table("notices").create({"id": str, "next_at": str, "held": str, "routed_to": str}, pk="id", strict=True)
    db.table("topics").create({"topic": str, "told_at": str, "rank": int, "escalated_at": str}, pk="topic", strict=True)
    reach = {"name": str, "failures": int, "held_until": str, "resent_at": str}
    db.table("receivers").create(reach, pk="name", strict=True)
    for table in ("outbox_alerts", "deliveries"):
        for verb in ("UPDATE", "DELETE"):
            _refuse(db, table, verb)


@schema()
def m015_outliers(db: Database) -> None:
    """Results that broke their forecasts, each with the first decision after that which let its run go on."""
    columns = {"result": str, "family": str, "run": str, "seq": int, "accepted": int}
    db.table("outliers").create(columns, pk="result", not_null=set(columns) - {"result"}, strict=True)
    db.execute(
        "insert into outliers select result, family, run, max(seq), 0 from verdicts "
        "where outcome in ('above', 'below') group by result"
    )
    db.execute(
        "update outliers set accepted = coalesce((select min(d.seq) from decisions d where d.family = outliers.family "
        "and d.run = outliers.run and d.seq > outliers.seq and d.answer in ('GO', 'WARN')), 0)"
    )
    db.table("outliers").create_index(["family", "accepted"])
    _refuse(db, "outliers", "DELETE")


@schema()
def m016_lifecycle(db: Database) -> None:
    """Alerts by state, person and time, what people said of each, and in which state each change left it."""
    db.table("alerts").add_column("assigned", str, not_null_default="")
    rank = "CASE answer WHEN 'PAUSE' THEN 0 WHEN 'HOLD' THEN 1 WHEN 'WARN' THEN 2 ELSE 3 END"
    db.execute(f"create index alerts_worst on alerts ({rank}, opened_at, fingerprint, state)")
    for columns in (["id"], ["state", "changed_at"], ["family", "run", "rule"], ["assigned", "state"], ["changed_at"]):
        db.table("alerts").create_index(columns)
    db.table("alert_events").add_column("state", str, not_null_default="")
    db.table("alert_events").add_column("episode", int, not_null_default=0)
    db.table("reviews").add_column("alert", str, not_null_default="")
    for table in ("alert_events", "reviews"):
        db.execute(f"drop trigger {table}_refuses_update")
    said = "(select {} from ledger where ledger.seq = alert_events.seq)"
    state = "coalesce(json_extract(body, '$.alert.state'), json_extract(body, '$.state'), '')"
    db.execute(f"update alert_events set state = coalesce({said.format(state)}, '')")  # noqa: S608 - ours alone
    number = "json_extract(body, '$.alert.episode')"
    db.execute(f"update alert_events set episode = coalesce({said.format(number)}, 0)")  # noqa: S608 - ours alone
    db.execute("update reviews set alert = coalesce(json_extract(body, '$.alert'), '')")
    for table in ("alert_events", "reviews"):
        _refuse(db, table, "UPDATE")
    db.table("reviews").create_index(["alert", "seq"])


@schema()
def m017_access(db: Database) -> None:
    """People and tokens; the hashes that prove them and sessions apart, as no ledger tells of those. Lists by page."""
    people = {"id": str, "name": str, "roles": str, "active": int, "at": str, "seq": int}
    db.table("people").create(people, pk="id", not_null=set(people) - {"id"}, strict=True)
    tokens = {"id": str, "person": str, "label": str, "roles": str, "actions": str, "at": str, "expires": str}
    numbers = {"revoked": int, "seq": int}
    filled = {*tokens, *numbers} - {"id"}
    db.table("tokens").create({**tokens, **numbers}, pk="id", not_null=filled, strict=True)
    db.table("tokens").create_index(["person"])
    db.table("proofs").create({"name": str, "hash": str, "at": str}, pk="name", not_null={"hash"}, strict=True)
    sessions = {"id": str, "person": str, "came": str, "at": str, "seen_at": str, "ends_at": str}
    db.table("sessions").create(sessions, pk="id", not_null=set(sessions) - {"id"}, strict=True)
    for table in ("people", "tokens"):
        _refuse(db, table, "DELETE")
    for table in ("results", "verdicts", "forecasts", "leases"):
        db.table(table).create_index(["seq"])
    db.table("results").create_index(["task", "seq"])
    db.table("alerts").create_index(["opened_at", "fingerprint"])


@schema()
def m018_drills(db: Database) -> None:
    """Fire drills: whose families count nowhere, and what each came to."""
    columns = {"id": str, "family": str, "state": str, "by": str, "at": str, "ended_at": str, "body": str}
    db.table("drills").create(columns, pk="id", not_null=set(columns) - {"id"}, strict=True)
    db.table("drills").create_index(["family"], unique=True)
    db.table("drills").create_index(["state", "at"])
    _refuse(db, "drills", "DELETE")


SAME = ("id", "source", "task", "conditions", "kept", "asked", "sha256", "seq")
"""Of items, what stays when they are forgotten."""


@schema()
def m019_retention(db: Database) -> None:
    """Items can be forgotten: their body goes, and the row of the ledger that says so comes; nothing else changes."""
    db.table("items").add_column("forgotten", int, not_null_default=0)
    same = " AND ".join(f"NEW.{column} IS OLD.{column}" for column in SAME)
    kept = "NEW.body IS OLD.body AND NEW.forgotten = OLD.forgotten"
    gone = "NEW.body IS NULL AND NEW.forgotten > 0 AND OLD.forgotten IN (0, NEW.forgotten)"
    db.execute(
        f"CREATE TRIGGER items_refuses_update BEFORE UPDATE ON items WHEN NOT ({same} AND (({kept}) OR ({gone}))) "
        "BEGIN SELECT RAISE(ABORT, 'rows of items are never changed, only forgotten'); END"
    )
