"""The verdicts of one task read together: artefact, break, regression, and the evidence that says so."""

from monitor.diagnosis.linking import linked
from monitor.diagnosis.reading import diagnose
from monitor.diagnosis.speaking import bare, primary

__all__ = ["bare", "diagnose", "linked", "primary"]
