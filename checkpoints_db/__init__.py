"""What was observed: evaluation results of checkpoints, and everything that was concluded from them, in one file."""

from checkpoints_db.evidence_rows import File, Recorded, Seen, Sighting, UnplacedReading
from checkpoints_db.ledger import Entry
from checkpoints_db.store import Store

__all__ = ["Entry", "File", "Recorded", "Seen", "Sighting", "Store", "UnplacedReading"]
