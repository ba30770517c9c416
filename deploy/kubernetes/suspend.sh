#!/bin/sh
# Suspends a Kubernetes job while its gate is closed and lets it go on after. Run it every minute (a CronJob, a timer).
#
#   suspend.sh JOB FAMILY/RUN LEASE TRUSTED_KEYS
#
# `suspend: true` deletes running pods. So it is set only once the training container has ended with code 75, which is how it
# says that its checkpoint is saved; a pod that still trains is left to its own guard.
set -eu

[ $# -eq 4 ] || {
    echo "usage: suspend.sh JOB FAMILY/RUN LEASE TRUSTED_KEYS" >&2
    exit 2
}
job=$1 run=$2 lease=$3 keys=$4

suspended=$(kubectl get job "$job" -o 'jsonpath={.spec.suspend}')
if holdpoint lease verify "$lease" --keys "$keys" --run "$run" >&2; then
    if [ "$suspended" = true ]; then
        kubectl patch job "$job" --type=merge -p '{"spec":{"suspend":false}}'
    fi
    exit 0
fi

[ "$suspended" = true ] && exit 0
training=$(kubectl get pods -l "batch.kubernetes.io/job-name=$job" \
    -o 'jsonpath={range .items[*]}{.status.containerStatuses[?(@.name=="train")].state.running.startedAt}{end}')
saved=$(kubectl get pods -l "batch.kubernetes.io/job-name=$job" \
    -o 'jsonpath={range .items[*]}{.status.containerStatuses[?(@.name=="train")].state.terminated.exitCode}{" "}{end}')
case " $saved " in
*" 75 "*)
    if [ -z "$training" ]; then
        kubectl patch job "$job" --type=merge -p '{"spec":{"suspend":true}}'
    fi
    ;;
*) echo "holdpoint: $run has not said that its checkpoint is saved (exit code 75); not suspended" >&2 ;;
esac
