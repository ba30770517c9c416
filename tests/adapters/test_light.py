"""The callbacks bring along their framework, and of ours the adapters and the clock alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pauses import WHY

pytest.importorskip("transformers", reason=WHY)
pytest.importorskip("lightning", reason=WHY)


@pytest.mark.parametrize("name", ["hugging_face", "lightning", "pytorch"])
def test_an_adapter_imports_neither_the_daemon_nor_the_store(name: str) -> None:
    code = f"import sys, monitor.adapters.{name}; print(' '.join(sys.modules))"
    root = Path(__file__).resolve().parents[2]
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root).stdout
    ours = {one for one in told.split() if one.partition(".")[0] in ("monitor", "policies", "checkpoints_db")}
    assert {one for one in ours if not one.startswith("monitor.adapters")} == {"monitor", "monitor.clock"}
