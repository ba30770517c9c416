"""Fire drills: a break on paper walks the way of every result, and each part of the way is timed.

It is made up for a family of its own, whose gate and alerts count nowhere, and judged, told of and gated by the very
functions, policy and receivers that a real one would be. Nothing real is released, weakened or trained on by it.
"""

from monitor.daemon.drills.beginning import Order, begin, drop
from monitor.daemon.drills.conducting import conduct
from monitor.daemon.drills.ending import end, sweep
from monitor.daemon.drills.observing import Observer, told
from monitor.daemon.drills.schedule import Schedule, is_due

__all__ = ["Observer", "Order", "Schedule", "begin", "conduct", "drop", "end", "is_due", "sweep", "told"]
