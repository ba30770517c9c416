"""Where should a threshold be? One or two numbers of a policy, swept over history as it was and with breaks planted.

    tune(source, policy, Asked(params, points, sizes), prior=prior)

What is on trend says how often each setting pauses for nothing; breaks of known size, planted into results that came,
say how many it misses and how late it is. Cases are the gate's, and `decide` decides.
"""

from monitor.tuning.params import Param, keys, parse
from monitor.tuning.records import Recommended, Setting, Tuning
from monitor.tuning.sizes import DEFAULT, Size, sizes
from monitor.tuning.spread import NoCluster, here, on_cores, on_dask
from monitor.tuning.tune import Asked, tune

__all__ = [
    "DEFAULT",
    "Asked",
    "NoCluster",
    "Param",
    "Recommended",
    "Setting",
    "Size",
    "Tuning",
    "here",
    "keys",
    "on_cores",
    "on_dask",
    "parse",
    "sizes",
    "tune",
]
