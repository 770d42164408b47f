"""An independent statement of the synthetic generator in numpy and scipy, and what its samples are like: one line of JSON.

usage: generator_oracle.py SAMPLES

Written from the description of the generator, not from our code; its random numbers are numpy's, so only distributions can agree. Of each
structure in SAMPLES complete bodies of 32x32x16: the share of voxels in its mask, and mean and standard deviation of the image under the
mask, sample by sample. Of 1000 samples: how many of each split, and in how many each structure is present. Of bodies of 64x64x32 in
which nothing varies but voxel noise and bias: the voxels that are in each mask of all of them, and in any.
"""

import json
import math
import sys

import numpy
from scipy.ndimage import gaussian_filter, zoom

ORGANS = {
    # centre, size, intensity, shape
    "left_lung": ((0.25, 0.3, 0.5), (0.15, 0.25, 0.35), 150, "ellipsoid"),
    "right_lung": ((0.75, 0.3, 0.5), (0.18, 0.25, 0.35), 150, "ellipsoid"),
    "heart": ((0.45, 0.35, 0.5), (0.12, 0.15, 0.2), 200, "ellipsoid"),
    "liver": ((0.65, 0.6, 0.5), (0.25, 0.2, 0.3), 180, "ellipsoid"),
    "spleen": ((0.25, 0.65, 0.5), (0.08, 0.1, 0.15), 170, "ellipsoid"),
    "pancreas": ((0.45, 0.65, 0.45), (0.15, 0.04, 0.08), 160, "ellipsoid"),
    "left_kidney": ((0.3, 0.7, 0.4), (0.08, 0.12, 0.15), 160, "kidney"),
    "right_kidney": ((0.7, 0.7, 0.4), (0.08, 0.12, 0.15), 160, "kidney"),
}
for number, height in enumerate((0.3, 0.4, 0.5, 0.6, 0.7), start=1):
    ORGANS[f"L{number}"] = ((0.5, 0.85, height), (0.06, 0.06, 0.08), 220, "cylinder")

SPINE = {"L1", "L2", "L3", "L4", "L5"}
LUNGS, KIDNEYS = {"left_lung", "right_lung"}, {"left_kidney", "right_kidney"}
EVERYTHING = set(ORGANS)
SCENARIOS = [
    (0.30, EVERYTHING),
    (0.10, LUNGS | {"heart"}),
    (0.10, KIDNEYS | {"liver", "spleen", "pancreas"}),
    (0.08, EVERYTHING - {"left_kidney"}),
    (0.08, EVERYTHING - {"right_kidney"}),
    (0.06, EVERYTHING - {"spleen"}),
    (0.04, EVERYTHING - {"left_lung"}),
    (0.03, EVERYTHING - KIDNEYS),
    (0.02, EVERYTHING - LUNGS),
    (0.05, EVERYTHING - {"L4"}),
    (0.03, EVERYTHING - {"L2", "L3"}),
    (0.04, EVERYTHING - {"spleen", "pancreas", "left_kidney"}),
    (0.02, SPINE | {"heart", "right_lung", "liver", "right_kidney"}),
    (0.02, {"heart", "liver", "L3"}),
]

STILL = 8  # bodies in which nothing varies


def solid(shape, centre, radius, dims):
    """Which voxels the structure fills."""
    grid = numpy.ogrid[tuple(slice(0, n) for n in dims)]

    def ball(at, r):
        return sum(((x - c) / s) ** 2 for x, c, s in zip(grid, at, r)) <= 1

    if shape == "cylinder":
        disc = sum(((x - c) / s) ** 2 for x, c, s in zip(grid[1:], centre[1:], radius[1:])) <= 1
        return (abs(grid[0] - centre[0]) <= radius[0]) & disc
    if shape == "kidney":
        hilum = (centre[0], int(centre[1] - 0.3 * radius[1]), centre[2])
        return ball(centre, radius) & ~ball(hilum, [max(1, 0.4 * r) for r in radius])
    return ball(centre, radius)


def structure_image(organ, dims, noise, rng):
    """One structure by itself: intensities with noise, blur and bias, 0..255."""
    centre, size, intensity, shape = organ
    position, extent, brightness = noise
    centre = numpy.clip(numpy.array(centre) + rng.normal(0, position, 3), 0.1, 0.9)
    size = numpy.clip(numpy.array(size) * (1 + rng.normal(0, extent, 3)), 0.02, 0.5)
    intensity = float(numpy.clip(intensity * (1 + rng.normal(0, brightness)), 50, 250))
    voxel_centre = [int(c * n) for c, n in zip(centre, dims)]
    radius = [max(1, int(s * n / 2)) for s, n in zip(size, dims)]
    inside = solid(shape, voxel_centre, radius, dims)
    image = numpy.zeros(dims)
    filled = rng.normal(intensity, 15, int(inside.sum()))
    image[inside] = numpy.clip(filled, 0.7 * intensity, 1.3 * intensity)
    image = gaussian_filter(image, 0.8)
    bias = gaussian_filter(zoom(rng.normal(1, 0.15, [n // 8 for n in dims]), 8, order=3), 2)
    return numpy.clip(image * bias, 0, 255)


def complete_body(dims, noise, rng):
    """The image of a body in which nothing is missing, and its masks."""
    parts = [structure_image(organ, dims, noise, rng) for organ in ORGANS.values()]
    background = numpy.clip(rng.normal(40, 20, dims), 0, 80) + rng.normal(0, 8, dims)
    return numpy.clip(sum(parts) + background, 0, 255), [part > 10 for part in parts]


def figures(samples, rng):
    rows = {name: {"share": [], "mean": [], "deviation": []} for name in ORGANS}
    for _ in range(samples):
        image, masks = complete_body((32, 32, 16), (0.05, 0.2, 0.15), rng)
        for row, mask in zip(rows.values(), masks):
            row["share"].append(float(mask.mean()))
            row["mean"].append(float(image[mask].mean()))
            row["deviation"].append(float(image[mask].std()))
    return rows


def plan(total, validation, test):
    """Sizes of the splits, and in how many samples each structure is present."""
    weights = numpy.array([weight for weight, _ in SCENARIOS])
    counts = [int(share * total) for share in weights / weights.sum()]
    counts[-1] += total - sum(counts)
    held = math.ceil(total * (validation + test))
    tested = math.ceil(held * (1 - validation / (validation + test)))
    present = {name: sum(n for n, (_, has) in zip(counts, SCENARIOS) if name in has) for name in ORGANS}
    return {"splits": [total - held, held - tested, tested], "present": present}


def still(rng):
    bodies = numpy.array([complete_body((64, 64, 32), (0, 0, 0), rng)[1] for _ in range(STILL)])
    voxels = lambda masks: [numpy.flatnonzero(mask).tolist() for mask in masks]
    sets = zip(ORGANS, voxels(bodies.all(axis=0)), voxels(bodies.any(axis=0)))
    return {name: {"always": always, "ever": ever} for name, always, ever in sets}


def main(samples):
    rng = numpy.random.default_rng(0)
    print(json.dumps({"figures": figures(samples, rng), "plan": plan(1000, 0.2, 0.1), "still": still(rng)}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
