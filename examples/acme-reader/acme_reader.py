"""Logs of the acme harness: one JSON object a task, `{"acme_log": 1, "model": …, "task": …, "scores": […]}`."""

from __future__ import annotations

from pathlib import Path

from checkpoints_db.errors import UnreadableFile
from checkpoints_db.readers import Readout
from checkpoints_db.readers.strict import count_of, in_range, json_of, number_of, object_of, reading_of, text_of
from checkpoints_db.records import Metric

METRICS = {
    "accuracy": Metric(name="accuracy", kind="thresholded", lower=0, upper=1, chance=0),
    "nats": Metric(name="nats", kind="continuous", direction="lower", lower=0),
}


class Acme:
    """Logs of acme, version 1."""

    name = "acme"

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether the content says so; the name of the file decides nothing."""
        return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b'{"acme_log":')

    def read(self, path: Path) -> Readout:
        """The whole file or nothing. Whatever is wrong becomes an error that names the field."""
        log = object_of(json_of(text_of(path), path), path, "")
        if log.get("acme_log") != 1:
            raise UnreadableFile(str(path), "acme_log", f"version {log['acme_log']!r}; this reader knows version 1")
        readings = []
        for name, score in object_of(log.get("scores"), path, "scores").items():
            field = f"scores.{name}"
            if name not in METRICS:
                raise UnreadableFile(str(path), field, f"unknown metric; known are {', '.join(METRICS)}")
            body = object_of(score, path, field)
            fields = {
                "model": log.get("model"),
                "task": log.get("task"),
                "metric": METRICS[name],
                "value": in_range(METRICS[name], number_of(body.get("value"), path, f"{field}.value"), path, field),
                "n": count_of(body.get("questions"), path, f"{field}.questions", least=1),
                "harness": "acme 1",
            }
            readings.append(reading_of(path, field, fields))
        return Readout(reader=self.name, readings=tuple(readings), notes=() if readings else ("it holds no score",))
