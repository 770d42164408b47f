"""What the readers of Sacred's databases find in one: python mongo_readers.py HOST:PORT DATABASE RUN."""

import json
import sys
import warnings

warnings.simplefilter("ignore")

import gridfs
import pymongo
from bson import json_util

address, database, run_id = sys.argv[1], sys.argv[2], int(sys.argv[3])
url = "mongodb://" + address


def with_pymongo():
    db = pymongo.MongoClient(url)[database]
    run = db.runs.find_one({"_id": run_id})
    files = gridfs.GridFS(db)
    metrics = {metric["name"]: metric for metric in db.metrics.find({"run_id": run_id})}
    return {
        "type of _id": type(run["_id"]).__name__,
        "type of a value": type(metrics["loss"]["values"][0]).__name__,
        "keys": list(run),
        "keys of experiment": sorted(run["experiment"]),
        "keys of meta": sorted(run["meta"]),
        "keys of a metric": list(metrics["loss"]),
        "ids of metrics": {name: str(metric["_id"]) for name, metric in metrics.items()},
        "listed": run["info"]["metrics"],
        "artifacts": {one["name"]: files.get(one["file_id"]).read().hex() for one in run["artifacts"]},
        "files": [one.filename for one in files.find({"filename": {"$regex": "^artifact://"}})],
        "indexes": sorted(db["fs.chunks"].index_information()),
    }


def with_incense():
    from incense import ExperimentLoader

    run = ExperimentLoader(mongo_uri=url, db_name=database).find_by_id(run_id)
    loss = run.metrics["loss"]
    return {
        "repr": repr(run),
        "batch size": run.config.training.batch_size,
        "steps": [int(step) for step in loss.index],
        "values": [float(value) for value in loss],
        "type": str(loss.dtype),
        "artifacts": {name: type(artifact).__name__ for name, artifact in run.artifacts.items()},
        "picture": run.artifacts["curves.png"].content.hex(),
    }


def with_sacredboard():
    from sacredboard import bootstrap

    # this reader was written for pymongo 3, whose cursors knew their number of documents
    pymongo.synchronous.cursor.Cursor.count = lambda cursor: cursor.collection.count_documents(cursor._spec)
    bootstrap.add_mongo_config(bootstrap.app, address + ":" + database, (None, None), "runs")
    bootstrap.app.config["data"].connect()
    for module in bootstrap.webapi_modules:
        if module is not bootstrap.server_runner:
            module.initialize(bootstrap.app, {"http.serve_on_endpoint": "/"})
    client = bootstrap.app.test_client()
    runs = client.get("/api/run").get_json()
    run = client.get("/api/run/%d" % run_id).get_json()["data"][0]
    metric = run["object"]["info"]["metrics"][0]
    return {"runs": runs, "run": run, "metric": client.get("/api/run/%d/metric/%s" % (run_id, metric["id"])).get_json()}


def with_sacred():
    """Sacred itself keeps a run in the same database; what it writes."""
    from sacred import Experiment, SETTINGS
    from sacred.observers import MongoObserver

    SETTINGS.CAPTURE_MODE = "no"
    experiment = Experiment("theirs", save_git_info=False)
    experiment.observers.append(MongoObserver(url=url, db_name=database))

    @experiment.main
    def main(_run):
        _run.log_scalar("loss", 0.5, 0)
        return 0.25

    run = experiment.run(options={"--loglevel": "ERROR"})
    db = pymongo.MongoClient(url)[database]
    theirs = db.runs.find_one({"_id": run._id})
    return {
        "id": run._id,
        "keys": list(theirs),
        "keys of experiment": sorted(theirs["experiment"]),
        "keys of meta": sorted(theirs["meta"]),
        "keys of a metric": list(db.metrics.find_one({"run_id": run._id})),
        "format": theirs["format"],
    }


found = {reader.__name__: reader() for reader in (with_pymongo, with_incense, with_sacredboard, with_sacred)}
print(json_util.dumps(found))
