"""Policies on ladders that everybody knows: what would the gate say?"""

from monitor.rehearsal.ladders import LADDERS
from monitor.rehearsal.stage import Outcome, Stage

__all__ = ["LADDERS", "Outcome", "Stage"]
