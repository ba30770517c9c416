"""People: two spellings of a name are one person."""

from __future__ import annotations

import unicodedata


def person(name: str) -> str:
    """The one spelling under which a name is counted: two spellings are not two people.

    >>> person(" Carol ") == person("carol")
    True
    """
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
