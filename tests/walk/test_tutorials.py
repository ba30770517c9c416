"""The tutorials under examples/, typed in process as a reader would: from-lm-eval and an-alert."""

from __future__ import annotations

from pathlib import Path

import pytest
from played import ROOT, Terminal, must_show, steps_of


@pytest.mark.parametrize("tutorial", ["from-lm-eval", "an-alert"])
def test_every_line_comes_out(tutorial: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(monkeypatch, tmp_path)
    found = steps_of((ROOT / "examples" / tutorial / "README.md").read_text("utf-8"))
    assert len(found) > 10
    for step in found:
        said = terminal.type(step.command)
        assert terminal.code == 0, f"$ {step.command}\n{said}"
        must_show(step, said)
