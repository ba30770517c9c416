#!/bin/sh
# Runs a training command in a Slurm job; where holdpoint stopped it (exit code 75, its checkpoint saved) the job goes back
# into the queue and is held until somebody releases it: scontrol release JOB.
#
#   srun deploy/slurm/requeue-hold.sh python train.py     or, for all tasks at once:
#   deploy/slurm/requeue-hold.sh srun --kill-on-bad-exit=0 python train.py
#
# Never `scontrol suspend`: it stops the processes and keeps the memory of the GPUs. Slurm starts the batch script from its
# beginning, so the training command must resume from its newest checkpoint by itself.
set -u

[ $# -gt 0 ] || {
    echo "usage: requeue-hold.sh COMMAND [ARGUMENT...]" >&2
    exit 2
}

"$@" &
child=$!
# Signals that Slurm sends before the time is up (--signal=B:USR1@300) are for the training command.
for name in USR1 USR2 TERM INT; do
    # shellcheck disable=SC2064 # the number of the child is known now
    trap "kill -s $name $child 2>/dev/null" "$name"
done
while :; do
    code=0
    wait "$child" || code=$?
    kill -0 "$child" 2>/dev/null || break # a signal ends `wait` before the child has ended
done

if [ "$code" -eq 75 ] && [ -n "${SLURM_JOB_ID:-}" ]; then
    echo "holdpoint: stopped with its checkpoint saved; job $SLURM_JOB_ID is requeued and held" >&2
    scontrol requeuehold "$SLURM_JOB_ID" >&2 || echo "holdpoint: scontrol requeuehold failed; requeue it by hand" >&2
fi
exit "$code"
