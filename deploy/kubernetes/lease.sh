#!/bin/sh
# Fetches the newest lease of a run from the daemon. In the image it is on the PATH.
#
#   lease.sh FAMILY/RUN FILE
#
#   HOLDPOINT_URL    where the daemon serves, http://holdpoint.holdpoint:8470
#   HOLDPOINT_TOKEN  file with the token of readers (default /run/secrets/holdpoint/readers)
#
# Whether the lease is valid is for `holdpoint lease verify` to find out. Where none can be had FILE stays as it was: a lease
# in hand is valid until it ends.
set -eu

if [ $# -ne 2 ] || [ -z "${HOLDPOINT_URL:-}" ]; then
    echo "usage: HOLDPOINT_URL=http://HOST:8470 lease.sh FAMILY/RUN FILE" >&2
    exit 2
fi
python - "$HOLDPOINT_URL/api/v1/leases/$1" "${HOLDPOINT_TOKEN:-/run/secrets/holdpoint/readers}" "$2" <<'END'
import sys
from pathlib import Path

from monitor.adapters.document import Refused
from monitor.adapters.fetch import Server

url, token, file = sys.argv[1:]
try:
    lease = Server(url, Path(token).read_text("ascii").strip()).get()
except (Refused, OSError, ValueError) as error:
    sys.exit(f"holdpoint: {url}: {error}")
new = Path(file + ".new")
new.write_bytes(lease)
new.replace(file)
END
