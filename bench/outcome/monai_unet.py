"""MONAI's BasicUNet on a dataset of `sadaan-gpu import`, as one would train it plainly: AdamW 1e-3 with a cosine to zero over all epochs,
Dice + cross-entropy, flips where they are lawful, noise.

  check                 versions of the packages
  measure TASK.json     seconds of a training step
  train TASK.json       trains; saves the weights after the epochs that the task names
  predict TASK.json     probabilities of prepared volumes

The last line of standard output is JSON."""

import json
import math
import os
import sys
import time

import h5py
import monai
import numpy
import torch
from monai.losses import DiceCELoss
from monai.networks.nets import BasicUNet

RATE = 1e-3
WIDTHS = (16, 32, 64, 128, 256, 16)  # BasicUNet's last width is that of its last decoder stage
NOISE = 0.05  # of the intensities in -1..1
FLIPPED = 0.5


def say(**result):
    print(json.dumps(result))


def check():
    versions = f"monai {monai.__version__}, torch {torch.__version__}"
    say(versions=versions, cuda=torch.cuda.is_available())


def set_up(task):
    torch.manual_seed(task["seed"])
    torch.set_num_threads(task["threads"])
    return torch.device(task["device"])


def network(task):
    net = BasicUNet(
        spatial_dims=3, in_channels=task["channels"], out_channels=task["structures"] + 1, features=WIDTHS
    )
    return net.to(task["device"])


def normalised(images):
    """Intensities 0..255 as -1..1."""
    return images / 127.5 - 1


def samples(path):
    """Images (N, C, H, W, D) and labels (N, 1, H, W, D); where masks overlap, the last structure."""
    with h5py.File(path) as file:
        images = torch.from_numpy(file["images"][:].astype("float32"))
        masks = file["masks"][:] != 0  # (N, S, H, W, D)
    labels = numpy.zeros((masks.shape[0], *masks.shape[2:]), dtype="int64")
    for structure in range(masks.shape[1]):
        labels[masks[:, structure]] = structure + 1
    if images.ndim == 4:
        images = images[:, None]
    return normalised(images), torch.from_numpy(labels)[:, None]


class Training:
    def __init__(self, task, epochs):
        self.task = task
        self.device = set_up(task)
        self.net = network(task)
        self.images, self.labels = samples(os.path.join(task["dataset"], "train.h5"))
        self.batches = len(self.images) // task["batch"]
        self.loss = DiceCELoss(to_onehot_y=True, softmax=True)
        self.optimizer = torch.optim.AdamW(self.net.parameters(), lr=RATE)
        self.updates = epochs * self.batches
        self.done = 0

    def step(self, indices):
        images, labels = self.images[indices].to(self.device), self.labels[indices].to(self.device)
        for axis in self.task["flip_axes"]:
            for n in range(len(images)):
                if torch.rand(()) < FLIPPED:
                    images[n], labels[n] = images[n].flip(1 + axis), labels[n].flip(1 + axis)
        images = images + NOISE * torch.randn_like(images)
        for group in self.optimizer.param_groups:
            group["lr"] = RATE * (1 + math.cos(math.pi * self.done / self.updates)) / 2
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(self.net(images), labels)
        loss.backward()
        self.optimizer.step()
        self.done += 1
        return float(loss)

    def epoch(self):
        self.net.train()
        order = torch.randperm(len(self.images))
        batch = self.task["batch"]
        return sum(self.step(order[b * batch : (b + 1) * batch]) for b in range(self.batches)) / self.batches


def measure(task):
    training = Training(task, epochs=10**6)
    if training.batches == 0:
        return say(step_s=0, steps_s=0, batches=0)
    order = torch.randperm(len(training.images))[: task["batch"]]
    start = time.perf_counter()
    training.step(order)  # the first step allocates
    first = time.perf_counter()
    for _ in range(task["steps"]):
        training.step(order)
    end = time.perf_counter()
    say(step_s=(end - first) / task["steps"], steps_s=end - start, batches=training.batches)


def train(task):
    training = Training(task, task["epochs"])
    wanted = {snapshot["epoch"]: snapshot["path"] for snapshot in task["snapshots"]}
    for epoch in range(1, task["epochs"] + 1):
        print(f"epoch {epoch}: loss {training.epoch():.4f}", flush=True)
        if epoch in wanted:
            torch.save(training.net.state_dict(), wanted[epoch])
    say(updates=training.done)


@torch.inference_mode()
def predict(task):
    device = set_up(task)
    net = network(task)
    net.load_state_dict(torch.load(task["weights"], map_location=device, weights_only=True))
    net.eval()
    shape = (task["count"], task["channels"], *task["size"])
    volumes = numpy.memmap(task["volumes"], dtype="float32", mode="r", shape=shape)
    with open(task["probabilities"], "wb") as file:
        for first in range(0, task["count"], task["batch"]):
            images = normalised(torch.from_numpy(volumes[first : first + task["batch"]].copy())).to(device)
            file.write(net(images).softmax(1).float().cpu().numpy().tobytes())
    say(count=task["count"])


if __name__ == "__main__":
    command, *paths = sys.argv[1:]
    if command == "check":
        check()
    else:
        with open(paths[0]) as file:
            {"measure": measure, "train": train, "predict": predict}[command](json.load(file))
