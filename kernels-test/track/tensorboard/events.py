"""Prints what TensorBoard's own reader finds in the folder of a run, as JSON."""
import base64
import json
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
import glob

folder = sys.argv[1]
events = EventAccumulator(folder, size_guidance={"scalars": 0, "images": 0, "tensors": 0})
events.Reload()
tags = events.Tags()
number = lambda value: value if value == value and abs(value) != float("inf") else str(value)
print(json.dumps({
    # the raw reader checks the CRC of every record and stops with an error at one that is wrong
    "records": sum(len(list(RawEventFileLoader(path).Load())) for path in glob.glob(folder + "/*")),
    "version": events.file_version,
    "scalars": {tag: [[e.step, e.wall_time, number(e.value)] for e in events.Scalars(tag)] for tag in tags["scalars"]},
    "images": {tag: [[e.step, e.width, e.height, base64.b64encode(e.encoded_image_string).decode()]
                     for e in events.Images(tag)] for tag in tags["images"]},
    "texts": {tag: events.Tensors(tag)[0].tensor_proto.string_val[0].decode() for tag in tags["tensors"]},
}))
