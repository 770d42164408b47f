"""What other readers find in an exported file, as one JSON line: `safetensors FILE` or `torch FILE`."""

import hashlib
import json
import sys


def digest(array):
    return [str(array.dtype), list(array.shape), hashlib.sha256(array.tobytes()).hexdigest()]


def read_safetensors(path):
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        tensors = {name: digest(file.get_tensor(name)) for name in file.keys()}
        return {"metadata": file.metadata(), "tensors": tensors}


def read_torch(path):
    import torch

    checkpoint = torch.load(path, weights_only=True)
    state = checkpoint["model_state_dict"]
    prefix = "encoder.enc1."
    own = {name[len(prefix):]: value for name, value in state.items() if name.startswith(prefix)}
    width, channels = own["0.weight"].shape[:2]
    conv = lambda i, o: torch.nn.Conv3d(i, o, 3, padding=1)
    norm, relu = torch.nn.BatchNorm3d, torch.nn.ReLU
    block = torch.nn.Sequential(conv(channels, width), norm(width), relu(), conv(width, width), norm(width), relu())
    block.load_state_dict(own)
    others = {name: value for name, value in checkpoint.items() if name != "model_state_dict"}
    return {"type": type(state).__name__, "others": others, "tensors": {n: digest(t.numpy()) for n, t in state.items()}}


if __name__ == "__main__":
    print(json.dumps({"safetensors": read_safetensors, "torch": read_torch}[sys.argv[1]](sys.argv[2])))
