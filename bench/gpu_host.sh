#!/bin/bash
# Ten minutes on a GPU: what only a GPU can show, the most valuable first, with one command from the checkout's root:
#   bench/gpu_host.sh [DIR] [with key=value ...]
# The words configure the timed step, both ours and PyTorch's. DIR (.gpu-host/results by default) receives the output of each part as it
# comes. After each part, DIR/report.json and DIR/report.md hold all so far, with sections for docs/performance.md.
# Failures and timeouts are reported, and no part keeps a later one from running.
#   SADAAN_PYTHON   a Python with a CUDA torch; python3 by default
#   DATASET         a dataset to train on, such as that of docs/hippocampus.md; a generated one by default
#   LIMIT           seconds for all parts, 600 by default; a part gets no more than are left
#   PARTS           the parts to run, in their order; by default
#                   adapter tests step-f32 step-f16 peers ops-f32 ops-f16 training resume tune
#                   `targets`, the table of docs/performance.md, takes an hour: PARTS=targets LIMIT=3600, and on a second run it continues.
#                   tune also writes shaders/tuned/ADAPTER.json, the table to ship for such adapters; tune-f16 likewise
#   QUICK=1         tiny sizes: tests that the script works, on any adapter
set -uo pipefail
cd "$(dirname "$0")/.."

export OUT=${1:-.gpu-host/results}
[ $# -gt 0 ] && shift
export SADAAN_PYTHON=${SADAAN_PYTHON:-$(command -v python3 || true)}
parts=${PARTS:-adapter tests step-f32 step-f16 peers ops-f32 ops-f16 training resume tune}
limit=${LIMIT:-600}
mkdir -p "$OUT"

words=("$@")
[ "${words[0]:-}" = with ] && words=("${words[@]:1}")
suites=(kernels-test/kernels/rows.test.ts kernels-test/gradients/rows.test.ts kernels-test/golden)
ops=(--cases kernels-test/cases/index.ts --every-variant --seconds 0.1 --filter conv3d)
ship=(--ship)
steps=20
epochs=4
training=(training.num_epochs=100000 logging.visualize_predictions=False)
train_seconds=90
targets=(--resume --journal "$OUT/targets.jsonl")
if [ "${QUICK:-0}" = 1 ]; then
  words=(training.image_size=[32,32,16] training.batch_size=1 model.num_structures=2 'model.channels=[2,4,4,8,8]' "${words[@]}")
  suites=(kernels-test/kernels/random.test.ts)
  ops=(--cases kernels-test/cases/index.ts --every-variant --seconds 0.001 --filter 'conv3d forward (test')
  ship=()
  steps=2
  epochs=2
  training+=('model.channels=[2,4,4,8,8]' training.batch_size=1)
  train_seconds=20
  targets+=(--quick)
fi

program=(node --import tsx cli/main.ts)

# part NAME SECONDS COMMAND...: its last line of output is its result
part() {
  local name=$1 most=$2 started=$SECONDS code=0 left=$((limit - SECONDS))
  shift 2
  [[ " $parts " == *" $name "* ]] || return 0
  if [ "$left" -lt 5 ]; then
    echo "== $name: no time left"
    return 0
  fi
  [ "$most" -lt "$left" ] || most=$left
  echo "== $name, at most $most s"
  timeout "$most" "$@" >"$OUT/$name.json" 2>"$OUT/$name.log" || code=$?
  echo "   exit $code after $((SECONDS - started)) s"
  echo "$code" >"$OUT/$name.exit"
  node --import tsx bench/gpu_host_report.ts "$OUT" >/dev/null
}

tests='
  node node_modules/vitest/vitest.mjs run "$@" \
    --reporter=default --reporter=json --outputFile.json="$OUT/vitest.json" >&2
  code=$?
  node .ci/count.mjs "$code" "$OUT/vitest.json"
  exit "$code"'

# trains, is told to save and stop as by Slurm, goes on, and is judged
trains='
  seconds=$1
  shift
  program=(node --import tsx cli/main.ts)
  rm -rf "$OUT/run" # a second run starts afresh
  data=${DATASET:-$OUT/run/data}
  [ -n "${DATASET:-}" ] || "${program[@]}" generate --output-dir "$data" --image-size 32,32,16 --total-samples 120 >&2 || exit
  all=(dataset_path="$data" checkpoint.save_dir="$OUT/run/checkpoints" "$@")
  for resume in "" --resume; do
    timeout --foreground --preserve-status --signal=USR1 "$seconds" "${program[@]}" train $resume --file_storage "$OUT/run/record" --json with "${all[@]}"
    code=$?
    [ "$code" = 75 ] || [ "$code" = 0 ] || exit "$code"
  done
  "${program[@]}" evaluate --weights "$OUT/run/checkpoints/best_model.pth" --dataset "$data" --split val --no-pictures --output "$OUT/run/val" >&2'

tune() {
  local left=$((limit - SECONDS - 20))
  part "tune$1" 900 "${program[@]}" bench tune --json --seconds "$((left > 5 ? left : 5))" "${ship[@]}" with "${words[@]}" "${@:2}"
}

part adapter 40 "${program[@]}" doctor --json
part tests 150 bash -c "$tests" tests "${suites[@]}"
part step-f32 50 "${program[@]}" bench step --json --profile --steps "$steps" with "${words[@]}"
part step-f16 50 "${program[@]}" bench step --json --profile --steps "$steps" with "${words[@]}" compute.precision=f16
part peers 120 "${program[@]}" bench peers tuned --json --steps "$steps" ${SADAAN_PYTHON:+--python "$SADAAN_PYTHON"} with "${words[@]}"
part ops-f32 40 "${program[@]}" bench ops --json "${ops[@]}"
part ops-f16 40 "${program[@]}" bench ops --json --precision f16 "${ops[@]}"
part training $((2 * train_seconds + 30)) bash -c "$trains" training "$train_seconds" "${training[@]}"
part resume 60 "${program[@]}" bench training --json --epochs "$epochs" with "${words[@]}"
tune ''
tune -f16 compute.precision=f16
part targets 3600 "${program[@]}" bench targets --json "${targets[@]}" with "${words[@]}"
echo "$OUT/report.md"
