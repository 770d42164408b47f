"""Makes the modules and pipelines of stdin (JSON) with naga, as Firefox does, on the Vulkan driver that the environment names. Before each pipeline it prints the
number of it, since naga may abort, and behind it a line of JSON: null, or why naga refused it."""

import json
import sys

import wgpu

given = json.load(sys.stdin)
adapter = wgpu.gpu.request_adapter_sync(power_preference="high-performance")
wanted = ["shader-f16", "subgroup", "subgroup-barrier", "timestamp-query"]
device = adapter.request_device_sync(required_features=[name for name in wanted if name in adapter.features])
modules = {}


def say(value):
    print(json.dumps(value), flush=True)


def module(name):
    if name not in modules:
        try:
            modules[name] = device.create_shader_module(code=given["modules"][name])
        except wgpu.GPUError as error:
            modules[name] = error
    if isinstance(modules[name], Exception):
        raise modules[name]
    return modules[name]


for pipeline in given["pipelines"]:
    say("begin")
    try:
        constants = {name: float(value) for name, value in pipeline["constants"].items()}
        compute = {"module": module(pipeline["module"]), "entry_point": pipeline["entry"], "constants": constants}
        device.create_compute_pipeline(layout="auto", compute=compute)
        say(None)
    except wgpu.GPUError as error:
        say(" ".join(str(error).split()))
