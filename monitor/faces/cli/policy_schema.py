"""`holdpoint policy schema`: what an editor needs to complete and check a policy file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monitor.faces.cli import shell
from monitor.faces.render import as_json, json_text
from policies.json_schema import file_schema


def schema(
    out: Annotated[Path | None, typer.Option("--out", help="Write it to this file instead.", metavar="FILE")] = None,
    json: shell.Json = False,
) -> None:
    """Print the JSON Schema (draft 2020-12) of policy files: every key, every kind of rule, with descriptions.

    With taplo or Even Better TOML, write it to a file and begin a policy with `#:schema ./policy.schema.json`.

    Exit code 0; 1 when the file cannot be written.

    Example: holdpoint policy schema --out policies/policy.schema.json
    """
    if out is None:
        as_json(file_schema())
        return
    try:
        out.write_text(json_text(file_schema()), encoding="utf-8")
    except OSError as error:
        raise shell.CannotWrite(out, error.strerror or str(error)) from error
    shell.show({"written": str(out)}, f"{out}: begin a policy beside it with `#:schema ./{out.name}`", json=json)
