"""Continuous -> thresholded: what the likelihood says the score should have been, as a law.

Every link answers with a `ShareLaw`: what the true share of right answers may be, and the counting of n items.
"""

from monitor.science.link.choice import choice
from monitor.science.link.fitted import Ladder, fitted
from monitor.science.link.product import expected_product, item_product, mean_product, pass_at_k, pass_law
from monitor.science.link.share import LEVELS, ShareLaw, around, banded

__all__ = [
    "LEVELS",
    "Ladder",
    "ShareLaw",
    "around",
    "banded",
    "choice",
    "expected_product",
    "fitted",
    "item_product",
    "mean_product",
    "pass_at_k",
    "pass_law",
]
