"""Runs the programs that read Sacred's files on a folder of runs, and prints as JSON what they find."""

import json
import sys
import warnings

warnings.simplefilter("ignore")


def incense(base, number):
    from incense.experiment_loader import FileSystemExperimentLoader
    from pyrsistent import thaw

    run = FileSystemExperimentLoader(base).find_by_id(int(number))
    return {
        "id": run.id,
        "name": run.experiment.name,
        "status": run.status,
        "result": run.result,
        "batch_size": run.config.training.batch_size,
        "info": thaw(run.info),
        "captured_out": run.captured_out,
        "times": [run.start_time, run.stop_time, run.heartbeat],
        "metrics": {
            name: {"index": series.index.name, "steps": list(series.index), "values": list(series)}
            for name, series in run.metrics.items()
        },
        "artifacts": {name: len(artifact.content) for name, artifact in run.artifacts.items()},
    }


def sacred(base):
    """A run of Sacred's own, beside ours."""
    from sacred import Experiment
    from sacred.observers import FileStorageObserver

    experiment = Experiment("theirs", base_dir=base, interactive=True)
    experiment.observers.append(FileStorageObserver(base))

    @experiment.config
    def configuration():
        learning_rate = 1e-3

    @experiment.main
    def main(_run, learning_rate):
        _run.log_scalar("loss", 0.5, 3)
        _run.info["note"] = "theirs"
        return learning_rate

    run = experiment.run(config_updates={"learning_rate": 2e-3}, options={"--comment": "theirs", "--loglevel": "ERROR"})
    return {"id": int(run._id), "status": run.status}


if __name__ == "__main__":
    print(json.dumps({"incense": incense, "sacred": sacred}[sys.argv[1]](*sys.argv[2:])))
