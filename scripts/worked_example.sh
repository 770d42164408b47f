#!/bin/bash
# The worked example of docs/worked-example.md: one head with anatomical labels from Debian's package mricron-data. The left half is the
# training set, the mirrored right half the test set. Completed steps are skipped; an interrupted training resumes.
# Usage: scripts/worked_example.sh [FOLDER] [with key=value ...]
set -euo pipefail
repository=$(cd "$(dirname "$0")/.." && pwd)
folder=${1:-brain}
shift || true
mkdir -p "$folder"
cd "$folder"

sadaan() { node "$repository/dist/cli/main.js" "$@"; }

say() { printf '\n== %s\n' "$1"; }

if [ ! -f templates/aal.nii.gz ]; then
  say 'the head and its labels, from the Debian package mricron-data (16 MB)'
  mkdir -p package templates
  (cd package && apt-get download mricron-data && dpkg-deb -x mricron-data_*.deb .)
  cp package/usr/share/mricron/templates/{ch2.nii.gz,aal.nii.gz,aal.nii.txt} templates
  rm -r package
fi

if [ ! -f data/metadata.json ]; then
  say 'two halves'
  node --import "$repository/node_modules/tsx/dist/loader.mjs" "$repository/scripts/brain_hemispheres.ts" templates halves
  say 'import: patches of 32³ voxels of 3 mm, 8 voxels apart'
  sadaan import --manifest halves/sources.json --spacing 3,3,3 --patches --patch-stride 8,8,8 --image-size 32,32,32 --output-dir data
fi
sadaan inspect data

say 'train'
sadaan train --config "$repository/scripts/worked_example.json" --resume "$@"

say 'evaluate on the mirrored right half'
sadaan evaluate --weights checkpoints/best_model.pth --dataset data --split test --output results

say 'predict the whole half by sliding-window inference'
sadaan predict --weights checkpoints/best_model.pth --input halves/images/right_mirrored.nii.gz --sliding-window --output prediction

say "report: $PWD/results/report.html"
if [ -n "${DISPLAY:-}" ] && command -v xdg-open >/dev/null; then xdg-open results/report.html; fi
