#!/bin/bash
# Runs all measurements that need a GPU with one command, from the checkout's root:
#   bench/gpu_host.sh [DIR] [with key=value ...]
# The words configure the timed step, both ours and PyTorch's. DIR (.gpu-host/results by default) receives the output of
# each part, and a summary in DIR/report.json and DIR/report.md with sections for docs/performance.md.
# tune and tune-f16 also write shaders/tuned/ADAPTER.json, the table to ship for such adapters.
# Failures and timeouts are reported. On a second run, the target table continues where it stopped.
#   SADAAN_PYTHON   a Python with a CUDA torch; python3 by default
#   PARTS           the parts to run; all by default:
#                   adapter tests tune tune-f16 ops-f32 ops-f16 step-f32 step-f16 training targets
#   QUICK=1         tiny sizes: tests that the script works, on any adapter
set -uo pipefail
cd "$(dirname "$0")/.."

export OUT=${1:-.gpu-host/results}
[ $# -gt 0 ] && shift
export SADAAN_PYTHON=${SADAAN_PYTHON:-$(command -v python3 || true)}
parts=${PARTS:-adapter tests tune tune-f16 ops-f32 ops-f16 step-f32 step-f16 training targets}
mkdir -p "$OUT"

words=("$@")
[ "${words[0]:-}" = with ] && words=("${words[@]:1}")
suites=(kernels-test/kernels kernels-test/gradients kernels-test/golden)
ops=(--cases kernels-test/cases/index.ts --every-variant --seconds 0.2)
tuning=600
ship=(--ship)
steps=20
epochs=4
targets=(--resume --journal "$OUT/targets.jsonl")
if [ "${QUICK:-0}" = 1 ]; then
  words=(training.image_size=[32,32,16] training.batch_size=1 model.num_structures=2 'model.channels=[2,4,4,8,8]' "${words[@]}")
  suites=(kernels-test/kernels/random.test.ts)
  ops=(--cases kernels-test/cases/index.ts --every-variant --seconds 0.001 --filter 'conv3d forward (test')
  tuning=5
  ship=()
  steps=2
  epochs=2
  targets+=(--quick)
fi

program=(node --import tsx cli/main.ts)

# part NAME SECONDS COMMAND...: its last line of output is its result
part() {
  local name=$1 limit=$2 started=$SECONDS code=0
  shift 2
  [[ " $parts " == *" $name "* ]] || return 0
  echo "== $name, at most $limit s"
  timeout "$limit" "$@" >"$OUT/$name.json" 2>"$OUT/$name.log" || code=$?
  echo "   exit $code after $((SECONDS - started)) s"
  echo "$code" >"$OUT/$name.exit"
}

tests='
  node node_modules/vitest/vitest.mjs run "$@" \
    --reporter=default --reporter=json --outputFile.json="$OUT/vitest.json" >&2
  code=$?
  node .ci/count.mjs "$code" "$OUT/vitest.json"
  exit "$code"'

part adapter 120 "${program[@]}" doctor --json
part tests 1200 bash -c "$tests" tests "${suites[@]}"
part tune 900 "${program[@]}" bench tune --json --seconds "$tuning" "${ship[@]}" with "${words[@]}"
part tune-f16 900 "${program[@]}" bench tune --json --seconds "$tuning" "${ship[@]}" with "${words[@]}" compute.precision=f16
part ops-f32 900 "${program[@]}" bench ops --json "${ops[@]}"
part ops-f16 900 "${program[@]}" bench ops --json --precision f16 "${ops[@]}"
part step-f32 600 "${program[@]}" bench step --json --profile --steps "$steps" with "${words[@]}"
part step-f16 600 "${program[@]}" bench step --json --profile --steps "$steps" with "${words[@]}" compute.precision=f16
part training 900 "${program[@]}" bench training --json --epochs "$epochs" with "${words[@]}"
part targets 3600 "${program[@]}" bench targets --json "${targets[@]}" with "${words[@]}"
node --import tsx bench/gpu_host_report.ts "$OUT"
