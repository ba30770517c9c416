"""The columns of every table, made from the schema; checkpoints_db/README.md carries them between two markers."""

from __future__ import annotations

from checkpoints_db.tables import Tables

BEGIN = "<!-- columns: made from the schema, see checkpoints_db/reference.py; a test compares -->"
END = "<!-- /columns -->"


def column_table(tables: Tables) -> str:
    """A Markdown table: each table, its key, and its columns with their types."""
    rows = []
    for name in tables.names():
        key = tables.key(name)
        told = [
            f"**{column}** {kind}" if column == key else f"{column} {kind}" for column, kind in tables.columns(name)
        ]
        rows.append(f"| `{name}` | {', '.join(told)} |")
    return "\n".join(["| table | columns, the key in bold |", "|---|---|", *rows])
