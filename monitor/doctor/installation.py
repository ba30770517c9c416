"""Checks of ourselves: is this the code that was installed, and does it still decide what is known?"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import unquote, urlparse

import checkpoints_db
import monitor
import policies
from monitor import selftest as known
from monitor.doctor.patient import Checked, Patient

PACKAGES = {"checkpoints_db": checkpoints_db, "policies": policies, "monitor": monitor}


def package(patient: Patient) -> Iterator[Checked]:
    """The three packages come from the installed distribution, and nothing on the path stands before or behind them."""
    del patient
    yield _origin({name: Path(str(module.__file__)).resolve().parent for name, module in PACKAGES.items()}, sys.path)


def _origin(loaded: dict[str, Path], path: list[str]) -> Checked:
    try:
        installed = distribution("holdpoint")
    except PackageNotFoundError:
        where = loaded["monitor"].parent
        found = f"no installed distribution; the code of {where} is run as it lies there"
        return Checked(name="package", state="warn", found=found, do="pip install it, so that its version is known")
    home = _home(installed)
    strange = {name: at for name, at in loaded.items() if at != home / name}
    if strange:
        told = ", ".join(f"{name} from {at}" for name, at in strange.items())
        found = f"holdpoint {installed.version} is installed in {home}, and what runs is {told}"
        do = "remove or rename what shadows it, or run from another folder: something else decides here"
        return Checked(name="package", state="fail", found=found, do=do)
    others = [at for name in loaded for at in _called(name, path) if at.resolve() != home / name]
    if others:
        found = (
            f"holdpoint {installed.version} from {home}; of the same name on the path: {', '.join(map(str, others))}"
        )
        do = "rename them: in another order of the path they would be run instead"
        return Checked(name="package", state="warn", found=found, do=do)
    return Checked(name="package", state="ok", found=f"holdpoint {installed.version} from {home}; nothing shadows it")


def _home(installed: Distribution) -> Path:
    """The folder that the distribution was installed into, or, where it is editable, from."""
    direct = json.loads(installed.read_text("direct_url.json") or "{}")
    if direct.get("dir_info", {}).get("editable"):
        return Path(unquote(urlparse(direct["url"]).path)).resolve()
    return Path(str(installed.locate_file(""))).resolve()


def _called(name: str, path: list[str]) -> list[Path]:
    """Packages and modules of this name in the folders of the path."""
    folders = dict.fromkeys(Path(entry or ".") for entry in path)
    packages = [each / name for each in folders if (each / name / "__init__.py").is_file()]
    return packages + [each / f"{name}.py" for each in folders if (each / f"{name}.py").is_file()]


def selftest(patient: Patient) -> Iterator[Checked]:
    """What this installation decides on known cases."""
    del patient
    known.check()
    told = f"{len(known.cases())} decisions and {len(known.VERDICTS)} verdicts as known"
    yield Checked(name="selftest", state="ok", found=told)
