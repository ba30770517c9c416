"""Strange requests for every operation of the API, as every role: no fault, and no access that the role table denies.

    python benchmarks/api_fuzz.py [--examples 50] [--json api_fuzz.json]

Requests are made from the OpenAPI document by Schemathesis, as many well made as not, and each is sent as nobody and as
one person of each role to a server on loopback. Every answer is compared with the document, and every one that the
role table denies must be a refusal. Minutes; the tests send a few.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from entering import everybody
from fuzzing import hunt
from lab import Lab, rung
from pushing import serving, web

from checkpoints_db.records.access import Role


def measure(root: Path, examples: int) -> dict[str, Any]:
    """A lab with a pause in it, and everybody at its door."""
    lab = Lab(root / "lab")
    lab.baseline([row for i in range(6) for row in rung(i)])
    lab.arrive(rung(7, loss=0.9), "s7.csv")
    lab.cycle()
    with lab.store() as store:
        store.resign("test:1")
        alert, digest = store.actions.alerts()[0].id, store.listing.forecasts({}, None, 1)[0].sha256
    web(lab, patience="0.2s")
    shown: dict[Role | None, dict[str, str]] = {**everybody(lab), None: {"Authorization": "Bearer hp_nobody"}}
    places = {"alert": alert, "digest": digest, "family": "lab", "run": "s7"}
    heard, begun = list[str](), time.monotonic()
    with serving(lab) as client:
        document = client.get("/openapi.json").json()

        def tell(line: str) -> None:
            heard.append(line)
            print(line, flush=True)

        wrong = list(hunt(str(client.base_url), document, shown, places, examples, lab.clock.sleep, tell))
    return {"operations": len(heard), "seconds": time.monotonic() - begun, "heard": heard, "wrong": wrong}


def main(words: Sequence[str] | None = None) -> None:
    """Hunt, print, and fail where something was found."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--examples", type=int, default=50)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), options.examples)
    for line in found["wrong"]:
        print(f"WRONG {line}")
    print(f"{found['operations']} operations, {len(found['wrong'])} wrong, {found['seconds']:.0f} s")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
    sys.exit(1 if found["wrong"] else 0)


if __name__ == "__main__":
    main()
