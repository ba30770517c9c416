#!/bin/sh
# Whether a Slurm job may start: 0 where its lease holds, 1 where it does not (the job is held then).
#
# Either the first line of a batch script:   deploy/slurm/prolog.sh || exit
# or the PrologSlurmctld of slurm.conf, for jobs submitted with --comment=holdpoint=FAMILY/RUN; other jobs pass.
# Not as Prolog: there a failure drains the node.
#
#   HOLDPOINT_RUN     the run, as family/run; else it is read from the comment of the job
#   HOLDPOINT_LEASES  folder of the leases (default /var/lib/holdpoint/leases)
#   HOLDPOINT_KEYS    the trusted public keys (default /etc/holdpoint/trusted.pub)
set -eu

run=${HOLDPOINT_RUN:-}
if [ -z "$run" ]; then
    case ${SLURM_JOB_COMMENT:-} in
    *holdpoint=*)
        run=${SLURM_JOB_COMMENT##*holdpoint=}
        run=${run%%[ ,;]*}
        ;;
    *) exit 0 ;;
    esac
fi

lease=${HOLDPOINT_LEASES:-/var/lib/holdpoint/leases}/$run.json
keys=${HOLDPOINT_KEYS:-/etc/holdpoint/trusted.pub}
if holdpoint lease verify "$lease" --keys "$keys" --run "$run" >&2; then
    exit 0
fi
echo "holdpoint: $run may not start; after a release: scontrol release ${SLURM_JOB_ID:-JOB}" >&2
if [ -n "${SLURM_JOB_ID:-}" ]; then
    if [ -n "${SLURM_JOB_NODELIST:-}" ] && [ -n "${HOLDPOINT_RUN:-}" ]; then
        scontrol requeuehold "$SLURM_JOB_ID" >&2 || true # it runs already: back into the queue, held
    else
        scontrol hold "$SLURM_JOB_ID" >&2 || true
    fi
fi
exit 1
