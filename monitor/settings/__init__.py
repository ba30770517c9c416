"""holdpoint.toml: where things are and how often to look. Paths are relative to the file that names them.

Every key may also come from the environment: `HOLDPOINT_STORE`, `HOLDPOINT_DAEMON__SCAN`, ...; the environment wins.
"""

from monitor.settings.file import DEEPER, FILE, PREFIX, Settings, strange_variables
from monitor.settings.receiver import Receiver
from monitor.settings.tables import Backups, Drill, Log, Retention, Source, Timetable
from monitor.settings.web import Oidc, Web

__all__ = [
    "DEEPER",
    "FILE",
    "PREFIX",
    "Backups",
    "Drill",
    "Log",
    "Oidc",
    "Receiver",
    "Retention",
    "Settings",
    "Source",
    "Timetable",
    "Web",
    "strange_variables",
]
