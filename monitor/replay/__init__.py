"""What would a policy have done? History walked again, in order of arrival, with a clock that is told the time.

A recorded history has its own seals, which no policy has a part in; of raw logs they are made as the clock comes by.
Whatever judges and decides is what the daemon runs, on a store that is a view of the past (`checkpoints_db.past`).

    replay(source, policy)           what it would have paused, held, warned, when, why and how long
    differ(source, old, new)         every decision that flips between two policies
    over(source, Asked(policies))    the steps of several policies, on all cores: what tuning is made of
"""

from monitor.replay.asking import differ, replay
from monitor.replay.differing import Difference, Flip
from monitor.replay.likeness import likeness
from monitor.replay.logs import LogSource, read_logs
from monitor.replay.over import Asked, over
from monitor.replay.records import Cause, Likeness, Played, Replay, Sight, Step, Stretch
from monitor.replay.source import Source, StoreSource
from monitor.replay.walk import Timetable, Walk

__all__ = [
    "Asked",
    "Cause",
    "Difference",
    "Flip",
    "Likeness",
    "LogSource",
    "Played",
    "Replay",
    "Sight",
    "Source",
    "Step",
    "StoreSource",
    "Stretch",
    "Timetable",
    "Walk",
    "differ",
    "likeness",
    "over",
    "read_logs",
    "replay",
]
