/** What a reader has before a page begins, as a script; $HEAD is the folder of the head scan of the tests. */
const PREAMBLES: Readonly<Record<string, string>> = {
  'README.md': twoHeads(),
  'docs/datasets.md': twoHeads(),
  'docs/training.md': tinyDataset(),
  'docs/determinism.md': tinyDataset(),
  'docs/inference.md': tinyDataset() + twoHeads(),
  'docs/moving-from-python.md': tinyDataset(),
}

function twoHeads(): string {
  return `
    mkdir scans labels
    for subject in subject_1 subject_2; do
      cp "$HEAD/KmeansTest_T1UCharRaw.nii.gz" scans/$subject.nii.gz
      cp "$HEAD/KmeansTest_T1KmeansPrelimSegmentation.nii.gz" labels/$subject.nii.gz
    done`
}

function tinyDataset(): string {
  return 'sadaan-gpu generate --output-dir data/synthetic --image-size 16,16,16 --total-samples 12'
}

export function preambleOf(page: string): string {
  return PREAMBLES[page] ?? 'true'
}
