"""make_goldens.py FOLDER [NAME...]: writes FOLDER/NAME.h5 and FOLDER/NAME.pth, of every golden unless names are given."""
import subprocess
import sys
from pathlib import Path

GOLDENS = {
    'small': '--channels 2,4,4,6,8 --structures 2 --size 16,16,32 --seed 3 --smooth --without feature_responses,segmentation_probs',
    'smooth': '--channels 3,6,12,16,24 --structures 4 --size 16,32,48 --seed 13 --smooth',
    'narrow': '--seed 11',
    'multichannel': '--channels 2,4,8,16,32 --structures 2 --size 16,48,32 --in-channels 3 --batch 3 --steps 2 --seed 12',
    'narrow_head': '--features 10 --steps 2 --seed 14',
}

folder, *names = sys.argv[1:]
Path(folder).mkdir(parents=True, exist_ok=True)
for name in names or GOLDENS:
    outputs = [f'{folder}/{name}.{ending}' for ending in ('h5', 'pth')]
    oracle = Path(__file__).with_name('sadaan_oracle.py')
    subprocess.run([sys.executable, oracle, 'golden', *outputs, *GOLDENS[name].split()], check=True)
