"""Every error of the house.

HoldpointError
+- EvidenceError     UnknownFormat · UnreadableFile · ConflictingResult · IncompleteResult · Incomparable · Unplaced ·
|                    Unreachable
+- ForecastError     TooFewPoints · FitFailed · SealedTooLate
+- PolicyError       BadPolicy · UnknownName · BadWaiver · BadRelease · BadAdoption · BadStatement
+- StoreError        NoStore · StoreUnreadable · SchemaTooNew · LedgerBroken · LeadershipLost
+- DeliveryError     .permanent
+- SelfTestFailed
+- SigningError      BadKey · BadLease
+- BadDrill
+- BundleError       BadBundle
+- AccessError       BadPerson · BadToken
+- SettingsError

A class is a fact: it builds its own message from ids, and the message says what, where, and what to do next. Errors
about evidence never stop the daemon (quarantine and alert); errors about ourselves do, and a stopped daemon means HOLD.
"""

from __future__ import annotations


class HoldpointError(Exception):
    """Anything holdpoint refuses, with a sentence a person can act on."""


class EvidenceError(HoldpointError):
    """Something is wrong with what was observed."""


class UnknownFormat(EvidenceError):
    """No reader recognises the file."""

    def __init__(self, path: str, why: str = "no reader recognises its content") -> None:
        super().__init__(
            f"{path}: {why}; known are lm-eval, Inspect, HELM, OpenAI evals, BIG-bench, OLMES and the plain table. "
            "If a tracker exported it, declare its columns in columns.toml; if a harness wrote it, write or install a "
            "reader for it, and name that under `readers` in the settings."
        )


class UnreadableFile(EvidenceError):
    """A reader recognised the file and could not read it."""

    def __init__(self, path: str, field: str, why: str) -> None:
        self.path, self.field, self.why = path, field, why
        where = f"{path}: {field}" if field else path
        super().__init__(f"{where}: {why}")


class IncompleteResult(EvidenceError):
    """A file that was cut off, or that says nothing without another one (`waits_for`)."""

    def __init__(self, path: str, why: str, *, waits_for: str = "") -> None:
        self.waits_for = waits_for
        advice = (
            f"it is read again when {waits_for} is there"
            if waits_for
            else "write it whole (to a temporary name, then rename) and it is read again"
        )
        super().__init__(f"{path}: incomplete: {why}; {advice}")


class ConflictingResult(EvidenceError):
    """Two results of one thing that differ."""

    def __init__(self, checkpoint: str, task: str, metric: str, differs: str) -> None:
        super().__init__(
            f"{checkpoint}: {task} · {metric} {differs} under the same conditions; both are kept, "
            "the first one counts. Find out which evaluation is right."
        )


class Incomparable(EvidenceError):
    """Results whose conditions differ from those of the ladder."""

    def __init__(self, checkpoint: str, task: str, metric: str, why: str) -> None:
        super().__init__(f"{checkpoint}: {task} · {metric} cannot be compared with the ladder: {why}")


class Unplaced(EvidenceError):
    """The catalogue does not know the model."""

    def __init__(self, model: str, why: str) -> None:
        self.model = model
        super().__init__(
            f"model {model!r} has no place: {why}. Add a [[run]] pattern to the catalogue that matches it; "
            "nothing was dropped, it is placed at the next scan."
        )


class Unreachable(EvidenceError):
    """A source that cannot be looked through: whatever lies there, nobody has seen it."""

    def __init__(self, source: str, why: str) -> None:
        super().__init__(
            f"{source}: cannot be reached: {why}. Check path or URL, network and permissions; until it answers, "
            "no scan is complete and gates hold."
        )


class ForecastError(HoldpointError):
    """A forecast could not be made or may not be used."""


class TooFewPoints(ForecastError):
    """Too few rungs, or too close together, to extrapolate."""

    def __init__(self, series: str, rungs: int, needed: int, nats: float, needed_nats: float) -> None:
        self.rungs, self.needed = rungs, needed
        super().__init__(
            f"series {series}: {rungs} rungs over {nats:.2f} nats of scale; a forecast needs {needed} over "
            f"{needed_nats:g}. Evaluate more small models."
        )


class FitFailed(ForecastError):
    """No form could be fitted."""

    def __init__(self, series: str, why: str) -> None:
        super().__init__(f"series {series}: no form could be fitted: {why}")


class SealedTooLate(ForecastError):
    """The result was known before the forecast was sealed."""

    def __init__(self, series: str, sealed: str, seen: str) -> None:
        super().__init__(
            f"series {series}: sealed {sealed}, but the result was seen {seen}; such a forecast is exploratory"
        )


class PolicyError(HoldpointError):
    """A policy, waiver or release that cannot be honoured."""


class BadPolicy(PolicyError):
    """A policy file that does not load; the gate holds until it does."""

    def __init__(self, path: str, why: str, line: int | None = None) -> None:
        at = f"{path}:{line}" if line else path
        super().__init__(f"{at}: {why}")


class UnknownName(PolicyError):
    """A name nobody registered."""

    def __init__(self, what: str, name: str, known: list[str], nearest: str | None = None) -> None:
        self.name = name
        hint = f"; did you mean {nearest!r}?" if nearest else ""
        super().__init__(f"unknown {what} {name!r}{hint} (known: {', '.join(sorted(known))})")


class BadWaiver(PolicyError):
    """A waiver that names nothing, lasts too long, or may not be given."""


class BadRelease(PolicyError):
    """A release that is refused: nameless, reasonless, by the owner, or of something that is not closed."""


class BadAdoption(PolicyError):
    """A vote on a change of policy that is refused: nameless, reasonless, by an owner or author, or of no change."""


class BadStatement(PolicyError):
    """An assessment, attestation or stage entry that cannot be so: nameless, still to come, or of what nobody saw."""


class StoreError(HoldpointError):
    """The store cannot be trusted or reached."""


class NoStore(StoreError):
    """There is no store at this path."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path}: no store here; make one with `holdpoint init`")


class StoreUnreadable(StoreError):
    """The file is there and cannot be used."""

    def __init__(self, path: str, why: str) -> None:
        self.why = why
        advice = next((f"; {what}" for word, what in _ADVICE.items() if word in why.lower()), "")
        super().__init__(f"{path}: store unreadable: {why}{advice}")


_ADVICE = {
    "full": "the disk of the store is full: free space there; nothing was lost, gates hold until then",
    "readonly": "it lies on a read-only file system or is not ours to write: remount it, or check its owner and mode",
    "read-only": "it lies on a read-only file system: remount it; gates hold until then",
    "permission denied": "check owner and mode of the store and of its folder",
    "disk i/o error": "the disk refused: look at its health, free space and quota; gates hold until then",
    "no space left": "free space on the disk of the store; nothing was lost, gates hold until then",
    "malformed": "the file is damaged: put it aside and `holdpoint restore` the last backup",
    "not a database": "something else lies there: put it aside and `holdpoint restore` the last backup",
    "locked": "another process is writing to it: wait, or find out which one does not let go",
}
"""What to do next, by what SQLite says."""


class SchemaTooNew(StoreError):
    """The store was written by a newer holdpoint."""

    def __init__(self, path: str, steps: list[str]) -> None:
        super().__init__(f"{path}: schema has steps this version does not know ({', '.join(steps)}); upgrade holdpoint")


class LedgerBroken(StoreError):
    """The hash chain of the ledger does not hold."""

    def __init__(self, seq: int, why: str) -> None:
        self.seq, self.why = seq, why
        super().__init__(f"ledger row {seq}: {why}; restore from a backup and find out who wrote to the store")


class LeadershipLost(StoreError):
    """Another daemon acts on this store."""

    def __init__(self, holder: str, *, mine: str = "") -> None:
        self.holder = holder
        lost = f"{mine} led this store and was replaced; what it had in hand was not written, and " if mine else ""
        who = holder or "nobody any more"
        super().__init__(
            f"{lost}another daemon ({who}) leads this store; stop it, or wait until its leadership expires"
        )


class DeliveryError(HoldpointError):
    """A message that did not arrive; `permanent` ones are not tried again.

    `unreachable`: nothing gets through to the receiver, so others need not be tried now. `wait`: seconds it asked for.
    """

    def __init__(
        self, receiver: str, why: str, *, permanent: bool, unreachable: bool = False, wait: float | None = None
    ) -> None:
        self.permanent, self.unreachable, self.wait = permanent, unreachable, wait
        super().__init__(f"receiver {receiver}: {why}")


class SelfTestFailed(HoldpointError):
    """The code that judges does not give the known answers."""

    def __init__(self, wrong: list[str]) -> None:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        super().__init__(
            f"the self-test failed: {wrong[0]}{more}; nothing this installation decides may be trusted: install "
            "holdpoint and its pinned libraries anew, then run `holdpoint selftest`"
        )


class SigningError(HoldpointError):
    """A key or something signed that cannot be trusted."""


class BadKey(SigningError):
    """A key file that is missing, unsafe, or no key."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"key {path}: {why}")


class BadLease(SigningError):
    """A lease that is not issued, or not believed."""


class BadDrill(HoldpointError):
    """A fire drill that cannot begin."""


class BundleError(HoldpointError):
    """An evidence bundle cannot be made or read."""


class BadBundle(BundleError):
    """A file that is no evidence bundle, or not the one that was made."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}")


class AccessError(HoldpointError):
    """Somebody who may not come in, or may not be let in like this."""


class BadPerson(AccessError):
    """A person who cannot be made, changed or found: nameless, without a role, a password that is too short."""


class BadToken(AccessError):
    """A token that cannot be made or found: of nobody, wider than its person, without an end."""


class SettingsError(HoldpointError):
    """holdpoint.toml is missing or wrong."""
