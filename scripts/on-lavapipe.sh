#!/bin/bash
# Runs a command with the lavapipe that scripts/lavapipe.sh set up: scripts/on-lavapipe.sh DIR npx vitest run
set -euo pipefail
dir=${1:?usage: on-lavapipe.sh DIR COMMAND...}
shift
case $dir in /*) ;; *) dir=$PWD/$dir ;; esac
[ -f "$dir/env" ] || { echo "on-lavapipe.sh: no $dir/env; run scripts/lavapipe.sh $dir first" >&2; exit 1; }
set -a
. "$dir/env"
PATH=$dir/bin:$PATH
set +a
exec "$@"
