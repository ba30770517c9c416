"""What a training job imports: is its lease valid, and may it go on? Nothing here needs more than the standard library.

    from monitor.adapters import LeaseGuard
    guard = LeaseGuard("leases/lab/7b.json", keys="trusted.pub", run="lab/7b", memory="checkpoints/holdpoint.json")

Plain loops: `monitor.adapters.pytorch`. Trainers: `monitor.adapters.hugging_face`, `monitor.adapters.lightning`.
"""

from monitor.adapters.document import Lease, Refused, Why
from monitor.adapters.guard import Check, HoldpointStop, LeaseGuard

__all__ = ["Check", "HoldpointStop", "Lease", "LeaseGuard", "Refused", "Why"]
