"""What every command answers with `--json`, as types; `holdpoint schema COMMAND` prints them as JSON Schema."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from checkpoints_db.evidence_rows import File
from checkpoints_db.records import (
    Alert,
    Assessment,
    Attestation,
    Decision,
    Finding,
    FireDrill,
    GateState,
    SignedLease,
    StageEntry,
    Waiver,
    Withdrawal,
)
from checkpoints_db.records.access import Account, Token
from checkpoints_db.records.lifecycle import Attachment, Comment
from monitor.alert_history import Found, Happened
from monitor.backtesting.answer import Answer
from monitor.daemon import backups
from monitor.daemon.push import Pushed
from monitor.explanation import Explanation
from monitor.faces.answers import believed, came, installation, seen, spoken
from monitor.keys import KnownKey
from monitor.overview import Overview
from monitor.replay.differing import Difference
from monitor.replay.records import Replay
from monitor.track import Row
from monitor.tuning.records import Tuning
from monitor.watch import Walked

Document = dict[str, Any]
"""Some JSON object that another schema describes."""

ANSWERS: dict[str, Any] = {
    "init": installation.Made,
    "status": Overview,
    "ingest": Walked | Pushed,
    "serve": installation.Listening,
    "backtest": Answer,
    "power": believed.Powered,
    "items": seen.ItemsMoved,
    "selftest": installation.Passed,
    "doctor": installation.Examined,
    "export": installation.Exported,
    "backup": installation.BackedUp | backups.Made,
    "restore": installation.Restored | installation.DrillDone,
    "tidy": installation.Tidied,
    "schema": Document | list[str],
    "config show": dict[str, installation.Setting],
    "config check": installation.ConfigChecked,
    "daemon run": installation.Cycle,
    "catalogue check": seen.CatalogueChecked,
    "checkpoint list": seen.Checkpoints,
    "file list": list[File],
    "quarantine list": list[File],
    "quarantine show": seen.Quarantined,
    "quarantine retry": File,
    "series list": list[seen.SeriesListed],
    "series show": seen.SeriesShown,
    "series doctor": seen.SeriesExamined,
    "forecast plan": seen.Planned,
    "forecast track": list[Row],
    "forecast list": list[seen.ForecastListed],
    "forecast show": seen.ForecastShown,
    "verdict list": seen.Verdicts,
    "verdict show": seen.TaskVerdicts,
    "alert list": list[Alert] | spoken.AlertPage,
    "alert show": spoken.AlertStory,
    "alert ack": Alert,
    "alert review": spoken.AlertTurned,
    "alert confirm": spoken.AlertTurned,
    "alert false-alarm": spoken.AlertTurned,
    "alert invalid": spoken.AlertTurned,
    "alert close": spoken.AlertTurned,
    "alert comment": Comment,
    "alert assign": Alert,
    "alert attach": Attachment,
    "alert history": list[Happened],
    "alert export": Happened,
    "alert causes": list[Found],
    "gate break-glass": spoken.Broken,
    "gate review": spoken.Reviewed,
    "gate ask": spoken.Asked,
    "gate status": list[GateState] | spoken.GateStatus | None,
    "gate release": Decision,
    "waiver add": spoken.WaiverAdded,
    "waiver list": list[Waiver],
    "assessment record": Assessment,
    "assessment list": list[spoken.AssessmentListed],
    "assessment withdraw": Withdrawal,
    "safeguard attest": Attestation,
    "safeguard list": list[spoken.AttestationListed],
    "safeguard withdraw": Withdrawal,
    "run stage": StageEntry,
    "run list": list[spoken.RunListed],
    "run withdraw": Withdrawal,
    "route test": spoken.Routed,
    "outbox list": list[spoken.Message],
    "outbox show": spoken.MessageStory,
    "outbox retry": spoken.Message,
    "policy check": spoken.PolicyChecked,
    "policy test": spoken.PolicyTested,
    "policy explain": Explanation | list[Finding] | Document,
    "policy schema": Document,
    "policy replay": Replay,
    "policy diff": Difference,
    "policy tune": Tuning,
    "policy adopt": spoken.AdoptionWaiting | spoken.Adopted,
    "policy history": spoken.PolicyHistory,
    "prior learn": believed.PriorLearnt,
    "prior show": believed.PriorShown,
    "ledger verify": installation.LedgerVerifiedDeep | installation.LedgerVerified,
    "ledger head": installation.LedgerHead,
    "ledger pin": installation.Pinned,
    "ledger rebuild": installation.Rebuilt,
    "ledger clock": installation.ClockAccepted,
    "keys new": installation.KeyTold,
    "keys rotate": installation.KeyTold | installation.KeyRetired,
    "keys show": list[KnownKey],
    "lease issue": SignedLease,
    "lease show": spoken.Leases,
    "lease verify": spoken.LeaseVerified,
    "lease revoke": SignedLease,
    "bundle make": installation.BundleMade,
    "bundle verify": installation.BundleVerified,
    "people add": Account,
    "people list": list[came.PersonListed],
    "people role": Account,
    "people disable": Account,
    "people enable": Account,
    "people password": Account,
    "people roles": dict[str, came.Allowed],
    "token make": came.TokenMade,
    "token list": list[Token],
    "token revoke": Token,
    "drill": FireDrill,
    "drill list": list[FireDrill],
}


def schema_of(command: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of what a command prints with `--json`."""
    made = TypeAdapter(ANSWERS[command]).json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"holdpoint {command} --json", **made}
