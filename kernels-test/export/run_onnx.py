"""Runs ONNX files with onnxruntime and checks them with onnx: for each line of standard input, which is JSON
{"model": PATH, "image": PATH of float32, "shape": [N, C, H, W, D], "results": FOLDER}, each output is written as FOLDER/NAME.bin
and one line of JSON says what onnx and onnxruntime made of the file."""

import json
import sys

import numpy
import onnx
import onnxruntime


def inferred_shapes(model):
    """The axes of each output as onnx works them out from the nodes alone."""
    declared = [output.name for output in model.graph.output]
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    for output in bare.graph.output:
        output.type.tensor_type.ClearField("shape")
    inferred = onnx.shape_inference.infer_shapes(bare, check_type=True, strict_mode=True, data_prop=True)
    axes = {output.name: output.type.tensor_type.shape.dim for output in inferred.graph.output}
    return {name: [axis.dim_param or axis.dim_value for axis in axes[name]] for name in declared}


def run(model, image, shape, results):
    proto = onnx.load(model)
    onnx.checker.check_model(proto, full_check=True)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (asked,) = session.get_inputs()
    values = numpy.fromfile(image, numpy.float32).reshape(shape)
    names = [output.name for output in session.get_outputs()]
    outputs = dict(zip(names, session.run(names, {asked.name: values})))
    for name, output in outputs.items():
        output.tofile(f"{results}/{name}.bin")
    return {
        "input": [asked.name, asked.type, asked.shape],
        "outputs": {name: [str(output.dtype), list(output.shape)] for name, output in outputs.items()},
        "inferred": inferred_shapes(proto),
        "metadata": session.get_modelmeta().custom_metadata_map,
    }


if __name__ == "__main__":
    onnxruntime.set_default_logger_severity(3)
    for line in sys.stdin:
        print(json.dumps(run(**json.loads(line))), flush=True)
