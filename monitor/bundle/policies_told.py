"""The policies that ruled, as the ledger has them: their terms, and the text they were written in."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from checkpoints_db import Store
from checkpoints_db.errors import PolicyError
from checkpoints_db.records import Decision, PolicyText
from monitor.adoption import policy_of
from monitor.bundle.comparing import part
from monitor.bundle.records import Part
from policies.loader import load_file
from policies.several import Ruling, name_of


def policies_told(store: Store, ruled: Sequence[Ruling], was: Decision) -> Part:
    """The part `policy`: every policy of the history has the digest it goes by, and each that ruled its text."""
    unproven = []
    wrong = [
        f"policy {row.entry.policy.words} of row {row.seq} has not the digest it goes by"
        for row in store.policies.all()
        if row.entry.terms and policy_of(row.entry).digest != row.entry.policy.sha256
    ]
    asked = [one.policy for one in ruled]
    if was.policy not in {policy.digest for policy in asked}:
        there = ", ".join(name_of(policy).words for policy in asked)
        wrong.append(f"the decision was made by policy {was.policy[:12]}; by the rows these ruled: {there}")
    for policy in asked:
        text = store.policy_texts.of(policy.digest)
        if text is None:
            unproven.append(f"the text of policy {name_of(policy).words} was not kept")
        elif text.terms != policy.body():
            wrong.append(f"the kept text of policy {name_of(policy).words} has other terms than ruled")
        elif (said := _read_again(text)) != policy.digest:
            why = f"the kept text of policy {name_of(policy).words} says {said}"
            (unproven if _shipped(text) else wrong).append(f"{why}, not {policy.digest[:12]}")
    if unproven and not wrong:
        return Part(name="policy", status="unproven", sentence="; ".join(unproven))
    return part("policy", wrong, f"{len(asked)} that ruled, with their texts")


def _read_again(text: PolicyText) -> str:
    """Digest of what the kept files say, or why they do not load. Files are written to a folder of their own."""
    with TemporaryDirectory() as folder:
        names = _inside(text)
        try:
            for name, source in zip(names, text.files, strict=True):
                if name is not None:
                    target = Path(folder) / name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_text(source.text, encoding="utf-8")
            return load_file(Path(folder) / str(names[0])).policy.digest
        except (PolicyError, OSError, ValueError) as error:
            return f"nothing that loads here ({error})".replace(folder + os.sep, "")


def _inside(text: PolicyText) -> list[str | None]:
    """Where each file stands below the folder of the first; None for what was included from elsewhere: the shelf."""
    home = Path(os.path.normpath(text.files[0].path)).parent if text.files else Path()
    paths = [Path(os.path.normpath(source.path)) for source in text.files]
    return [str(path.relative_to(home)) if path.is_relative_to(home) else None for path in paths] or [None]


def _shipped(text: PolicyText) -> bool:
    """Whether it includes shipped policies: those of this holdpoint are read, which may have changed since."""
    return None in _inside(text)
