/** What a reader has before a page begins, as a script; $HEAD is the folder of the head scan of the tests. */
const PREAMBLES: Readonly<Record<string, string>> = {
  'README.md': twoHeads(),
  'docs/datasets.md': twoHeads(),
  'docs/training.md': tinyDataset(),
  'docs/determinism.md': tinyDataset(),
  'docs/inference.md': tinyDataset() + twoHeads(),
  'docs/models.md': tinyDataset(),
  'docs/moving-from-python.md': tinyDataset(),
}

/** Two subjects in scans/, one in scans_b/. Their images differ in a few voxels: import refuses the same image in two splits. */
function twoHeads(): string {
  return `
    mkdir scans labels scans_b labels_b
    for subject in scans/subject_1 scans/subject_2 scans_b/subject_1; do
      node -e "
        const { gunzipSync, gzipSync } = require('node:zlib'), fs = require('node:fs')
        const scan = gunzipSync(fs.readFileSync('$HEAD/KmeansTest_T1UCharRaw.nii.gz'))
        scan.fill(200, scan.length - 600000, scan.length - 600000 + 50 * process.argv[1].length + Number(process.argv[1].at(-1)) * 1000)
        fs.writeFileSync(process.argv[1] + '.nii.gz', gzipSync(scan))" $subject
      cp "$HEAD/KmeansTest_T1KmeansPrelimSegmentation.nii.gz" \${subject/scans/labels}.nii.gz
    done`
}

function tinyDataset(): string {
  return 'sadaan-gpu generate --output-dir data/synthetic --image-size 16,16,16 --total-samples 12'
}

export function preambleOf(page: string): string {
  return PREAMBLES[page] ?? 'true'
}
