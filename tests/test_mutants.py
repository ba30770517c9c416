"""The list of deliberate mistakes fits the source; `make mutants` puts them in."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from mutants.deliberate import MUTANTS, Mutant

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m.file}: {m.why}")
def test_each_mistake_fits_its_file_once(mutant: Mutant) -> None:
    text = (ROOT / mutant.file).read_text(encoding="utf-8")
    assert text.count(mutant.old) == 1
    changed = text.replace(mutant.old, mutant.new)
    assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(text))
    assert all((ROOT / name).is_file() for name in mutant.tests)


def test_each_mistake_is_another_one_and_every_guarded_file_has_some() -> None:
    assert len({(m.file, m.old, m.new) for m in MUTANTS}) == len(MUTANTS) >= 25
    guarded = {"engine", "house", "several", "waivers", "releases", "glass", "lease", "guard", "gate", "ledger"}
    assert guarded <= {Path(m.file).stem for m in MUTANTS}
