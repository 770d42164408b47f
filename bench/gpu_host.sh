#!/bin/bash
# Measures everything that needs a GPU, on a host that has one, in one command, from the checkout's root:
#   bench/gpu_host.sh [DIR] [with key=value ...]
# The words change the step that is timed (ours and PyTorch's alike). DIR, .gpu-host/results unless given, gets what each
# part printed, and of all of it DIR/report.json and DIR/report.md. A part that fails or takes too long is reported as such.
#   SADAAN_PYTHON   a python with a CUDA torch; python3 unless given
#   SADAAN_ORACLE   sadaan_oracle.py; ../shared/oracle beside the checkout unless given
#   PARTS           the parts to run, all unless given: tests tune tune-f16 ops step-f32 step-f16 tuned targets
# tune and tune-f16 also write shaders/tuned/ADAPTER.json, the table to be shipped for such adapters.
set -uo pipefail
cd "$(dirname "$0")/.."

export OUT=${1:-.gpu-host/results}
[ $# -gt 0 ] && shift
export SADAAN_PYTHON=${SADAAN_PYTHON:-$(command -v python3 || true)}
parts=${PARTS:-tests tune tune-f16 ops step-f32 step-f16 tuned targets}
mkdir -p "$OUT"

bench=(node --import tsx cli/main.ts bench)
words=("$@")
[ "${words[0]:-}" = with ] && words=("${words[@]:1}")

# part NAME SECONDS COMMAND...: the last line that it prints is its result
part() {
  local name=$1 limit=$2 started=$SECONDS code=0
  shift 2
  [[ " $parts " == *" $name "* ]] || return 0
  echo "== $name"
  timeout "$limit" "$@" >"$OUT/$name.json" 2>"$OUT/$name.log" || code=$?
  echo "   exit $code after $((SECONDS - started)) s"
  echo "$code" >"$OUT/$name.exit"
}

tests='
  node node_modules/vitest/vitest.mjs run kernels-test/kernels kernels-test/gradients kernels-test/golden \
    --reporter=default --reporter=json --outputFile.json="$OUT/vitest.json" >&2
  code=$?
  node .ci/count.mjs "$code" "$OUT/vitest.json"
  exit "$code"'

part tests 1200 bash -c "$tests"
part tune 900 "${bench[@]}" tune --json --ship --seconds 600 with "${words[@]}"
part tune-f16 900 "${bench[@]}" tune --json --ship --seconds 600 with "${words[@]}" compute.precision=f16
part ops 900 "${bench[@]}" ops --json --seconds 0.2
part step-f32 600 "${bench[@]}" step --json --profile --steps 20 with "${words[@]}"
part step-f16 600 "${bench[@]}" step --json --profile --steps 20 with "${words[@]}" compute.precision=f16
part tuned 1800 "${bench[@]}" peers tuned --json --steps 20 with "${words[@]}"
part targets 1800 "${bench[@]}" targets --json
node --import tsx bench/gpu_host_report.ts "$OUT"
