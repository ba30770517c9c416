"""Evidence bundles: one file from which anybody makes a decision again, without the store it came from."""

from monitor.bundle.making import About, Draw, Drawing, about, make
from monitor.bundle.packing import Bundle
from monitor.bundle.records import PARTS, Manifest, Part, Report
from monitor.bundle.verifying import verify

__all__ = ["PARTS", "About", "Bundle", "Draw", "Drawing", "Manifest", "Part", "Report", "about", "make", "verify"]
