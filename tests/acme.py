"""The example package with a reader of its own, installed into a folder as pip would do it."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

from checkpoints_db.readers import Reader, readers_from

SOURCE = Path(__file__).resolve().parents[1] / "examples" / "acme-reader"
LOG = SOURCE / "sums.json"


def install(site: Path, *, name: str = "acme", module: str = "acme_reader", more: str = "") -> Path:
    """Module, metadata and entry points as `pip install --target` leaves them; `more` is appended to the module."""
    project = tomllib.loads((SOURCE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ((said, target),) = project["entry-points"]["holdpoint.readers"].items()
    source = (SOURCE / "acme_reader.py").read_text(encoding="utf-8")
    text = source.replace(f'name = "{said}"', f'name = "{name}"') + more
    info = site / f"{module}-{project['version']}.dist-info"
    info.mkdir(parents=True)
    (site / f"{module}.py").write_text(text, encoding="utf-8")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: {project['version']}\n")
    points = f"[holdpoint.readers]\n{name} = {target.replace('acme_reader', module)}\n"
    (info / "entry_points.txt").write_text(points, encoding="utf-8")
    return site


def acme_from(site: Path) -> tuple[Reader, ...]:
    """The reader of the example, loaded through its entry point."""
    sys.path.insert(0, str(install(site)))
    try:
        return readers_from(["acme"])
    finally:
        sys.path.remove(str(site))
        del sys.modules["acme_reader"]
