"""What we agreed to do: policies, their rules, and decide(). Pure: no SQL, no clock, no network."""

from policies.engine import cannot_decide, decide, examine
from policies.files import shelf_names
from policies.loader import find, load, shelf
from policies.releases import approve
from policies.rule_terms import RuleTerms
from policies.rules import RULES, Rule
from policies.schema import Policy
from policies.terms import Judging
from policies.waivers import grant

__all__ = [
    "RULES",
    "Judging",
    "Policy",
    "Rule",
    "RuleTerms",
    "approve",
    "cannot_decide",
    "decide",
    "examine",
    "find",
    "grant",
    "load",
    "shelf",
    "shelf_names",
]
