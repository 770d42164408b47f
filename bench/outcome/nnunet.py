"""nnU-Net v2 with its own fingerprint, plans, preprocessing, trainer, augmentation and inference, for a given number of iterations.

  check                 versions of the packages
  prepare TASK.json     raw data as nnU-Net wants it, fingerprint, plans, preprocessing
  measure TASK.json     seconds of an iteration
  train TASK.json       trains; saves the weights after the epochs that the task names
  predict TASK.json     label maps of scans

The last line of standard output is JSON."""

import json
import os
import random
import sys
import time

DATASET = 900
NAME = f"Dataset{DATASET}_outcome"
PLANS = "nnUNetPlans"
CONFIGURATION = "3d_fullres"


def load(path):
    with open(path) as file:
        return json.load(file)


def save(value, path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        json.dump(value, file)


def say(**result):
    print(json.dumps(result), flush=True)


def folders(root, results):
    """nnU-Net reads its folders from the environment when it is imported."""
    kinds = {"raw": os.path.join(root, "raw"), "preprocessed": os.path.join(root, "preprocessed"), "results": results}
    for kind, path in kinds.items():
        os.environ[f"nnUNet_{kind}"] = os.path.abspath(path)


def check():
    from importlib.metadata import version

    folders("raw_data", "results")  # named, never made
    import nnunetv2.training.nnUNetTrainer.nnUNetTrainer  # noqa: F401
    import torch

    say(versions=f"nnunetv2 {version('nnunetv2')}, torch {torch.__version__}", cuda=torch.cuda.is_available())


def link(path, to):
    os.makedirs(os.path.dirname(to), exist_ok=True)
    if not os.path.lexists(to):
        os.symlink(os.path.realpath(path), to)


def prepare(task):
    raw = os.path.join(os.environ["nnUNet_raw"], NAME)
    ending = ".nii.gz" if task["scans"][0]["label"].endswith(".gz") else ".nii"
    for scan in task["scans"]:
        for channel, image in enumerate(scan["images"]):
            link(image, os.path.join(raw, "imagesTr", f"{scan['name']}_{channel:04d}{ending}"))
        link(scan["label"], os.path.join(raw, "labelsTr", scan["name"] + ending))
    description = {
        "channel_names": dict(enumerate(task["channel_names"])),
        "labels": {"background": 0, **task["labels"]},
        "numTraining": len(task["scans"]),
        "file_ending": ending,
    }
    save(description, os.path.join(raw, "dataset.json"))
    from nnunetv2.experiment_planning.plan_and_preprocess_api import extract_fingerprints, plan_experiments, preprocess

    processes = task["processes"]
    extract_fingerprints([DATASET], num_processes=processes, check_dataset_integrity=True)
    plan_experiments([DATASET])
    preprocess([DATASET], PLANS, configurations=(CONFIGURATION,), num_processes=(processes,))
    save({"scans": len(task["scans"])}, os.path.join(task["root"], "prepared.json"))
    say(scans=len(task["scans"]))


def trainer(task):
    import numpy
    import torch
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    class OutcomeTrainer(nnUNetTrainer):
        """Its own training, but for the loop: other lengths, and no validation, which costs time and changes nothing."""

        def do_split(self):
            return task["train"], task["validation"]

        def plot_network_architecture(self):
            pass

        def loop(self, epochs, iterations, after_epoch):
            self.on_train_start()
            for _ in range(epochs):
                self.on_train_epoch_start()
                for _ in range(iterations):
                    self.train_step(next(self.dataloader_train))
                self.current_epoch += 1
                after_epoch(self.current_epoch)

        def weights(self):
            module = getattr(self.network, "_orig_mod", self.network)
            return {"weights": module.state_dict(), "mirroring": self.inference_allowed_mirroring_axes}

    torch.manual_seed(task["seed"])
    numpy.random.seed(task["seed"])
    random.seed(task["seed"])
    torch.set_num_threads(task["threads"])
    preprocessed = os.path.join(os.environ["nnUNet_preprocessed"], NAME)
    plans = load(os.path.join(preprocessed, f"{PLANS}.json"))
    plans["continue_training"] = False  # as its own command adds to the plans
    description = load(os.path.join(preprocessed, "dataset.json"))
    made = OutcomeTrainer(plans, CONFIGURATION, 0, description, device=torch.device(task["device"]))
    made.disable_checkpointing = True  # snapshots are saved here
    return made


def finish(made):
    """Ends the processes that augment."""
    for loader in (made.dataloader_train, made.dataloader_val):
        if hasattr(loader, "_finish"):
            loader._finish()


def measure(task):
    made = trainer(task)
    made.num_epochs = task["iterations"] + 1
    ends = []
    # the first iteration waits for the first batch
    made.loop(made.num_epochs, 1, lambda _: ends.append(time.perf_counter()))
    finish(made)
    seconds = ends[-1] - ends[0]
    say(
        iteration_s=seconds / task["iterations"],
        iterations_s=seconds,
        batch=made.batch_size,
        patch=[int(length) for length in made.configuration_manager.patch_size],
    )


def train(task):
    import torch

    made = trainer(task)
    made.num_epochs = task["epochs"]
    wanted = {snapshot["epoch"]: snapshot["path"] for snapshot in task["snapshots"]}

    def after_epoch(epoch):
        if epoch in wanted:
            torch.save(made.weights(), wanted[epoch])

    made.loop(task["epochs"], task["iterations"], after_epoch)
    finish(made)
    say(epochs=task["epochs"])


def predict(task):
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    made = trainer({**task, "train": [], "validation": []})
    made.initialize()
    made.set_deep_supervision_enabled(False)
    saved = torch.load(task["weights"], map_location=task["device"], weights_only=False)
    predictor = nnUNetPredictor(
        use_mirroring=task["mirror"], device=torch.device(task["device"]), perform_everything_on_device=True, allow_tqdm=False
    )
    predictor.manual_initialization(
        made.network,
        made.plans_manager,
        made.configuration_manager,
        [saved["weights"]],
        made.dataset_json,
        type(made).__name__,
        saved["mirroring"],
    )
    predictor.predict_from_files_sequential(
        [scan["images"] for scan in task["scans"]],
        [os.path.join(task["predictions"], scan["name"]) for scan in task["scans"]],
        save_probabilities=False,
        overwrite=True,
    )
    say(count=len(task["scans"]))


if __name__ == "__main__":
    command, *paths = sys.argv[1:]
    if command == "check":
        check()
    else:
        task = load(paths[0])
        folders(task["root"], task.get("output", task["root"]))
        {"prepare": prepare, "measure": measure, "train": train, "predict": predict}[command](task)
