"""What MONAI and scikit-learn say of masks, scores and probabilities, and numpy of resampled means: JSON from standard input to standard output."""

import json
import math
import sys

import numpy
import torch

# Debian's torch 1.13 cannot compile today's annotations of a network that MONAI imports along; no metric uses it
torch.jit.interface = lambda each: each

from monai.metrics import (  # noqa: E402
    compute_average_surface_distance,
    compute_dice,
    compute_hausdorff_distance,
    compute_iou,
)
from sklearn.metrics import (  # noqa: E402
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
)


def finite(value):
    return float(value) if math.isfinite(value) else None


def masks(case):
    truth, predicted = (torch.tensor(case[name]).reshape(1, 1, *case["size"]) for name in ("truth", "predicted"))
    both = {"y_pred": predicted, "y": truth, "include_background": True}
    spacing = tuple(map(float, case["spacing"]))
    flat = [numpy.array(case[name]) for name in ("truth", "predicted")]
    return {
        "hd95": finite(compute_hausdorff_distance(**both, percentile=95, spacing=spacing)),
        "surface_distance": finite(compute_average_surface_distance(**both, symmetric=True, spacing=spacing)),
        "dice": finite(compute_dice(**both, ignore_empty=False)),
        "iou": finite(compute_iou(**both, ignore_empty=False)),
        "precision": finite(precision_score(*flat, zero_division=numpy.nan)),
        "recall": finite(recall_score(*flat, zero_division=numpy.nan)),
    }


def scores(case):
    y, q = case["present"], case["probability"]
    held = [int(each > 0.5) for each in q]
    return {
        "accuracy": accuracy_score(y, held),
        "precision": precision_score(y, held),
        "recall": recall_score(y, held),
        "f1_score": f1_score(y, held),
        "absence_sensitivity": recall_score(y, held, pos_label=0),
        "absence_specificity": recall_score(y, held),
        "auc_roc": roc_auc_score(y, q),
        "auc_pr": average_precision_score(y, q),
        "brier_score": brier_score_loss(y, q),
    }


def percentiles(values):
    """The percentile interval of the mean, drawn with numpy's own generator."""
    draws = numpy.random.default_rng(1).choice(numpy.array(values), size=(100000, len(values)))
    return [float(each) for each in numpy.percentile(draws.mean(axis=1), [2.5, 97.5])]


asked = json.load(sys.stdin)
json.dump(
    {
        "masks": [masks(case) for case in asked["masks"]],
        "scores": [scores(case) for case in asked["scores"]],
        "intervals": [percentiles(values) for values in asked["values"]],
    },
    sys.stdout,
)
