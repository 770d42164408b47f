"""Loads a training checkpoint (.pth) with torch as its user would, and prints what is in it as one JSON line.

usage: torch_reads.py CHECKPOINT

The optimiser state goes into torch.optim.Adam or AdamW over the parameters of model_state_dict and one step is made with
it; the scheduler state goes into CosineAnnealingLR or ReduceLROnPlateau. Any error ends the script with a traceback.
"""
import hashlib
import json
import math
import pickle
import sys

import torch


def facts(tensor):
    data = bytes(tensor.detach().contiguous().reshape(-1).view(torch.uint8).tolist())
    return [str(tensor.dtype), list(tensor.shape), hashlib.sha256(data).hexdigest()]


def is_buffer(name):
    return name.rsplit('.', 1)[-1] in ('running_mean', 'running_var', 'num_batches_tracked')


def load_optimizer(checkpoint):
    state = checkpoint['optimizer_state_dict']
    parameters = [torch.nn.Parameter(t.clone()) for name, t in checkpoint['model_state_dict'].items() if not is_buffer(name)]
    decoupled = state['param_groups'][0].get('decoupled_weight_decay', True)
    optimizer = (torch.optim.AdamW if decoupled else torch.optim.Adam)(parameters, lr=1)
    optimizer.load_state_dict(state)
    for index, entry in state['state'].items():
        assert optimizer.state[parameters[index]]['step'].dtype == torch.float32
        assert entry['exp_avg'].shape == parameters[index].shape == entry['exp_avg_sq'].shape
        parameters[index].grad = torch.zeros_like(parameters[index])
    return optimizer


def load_scheduler(state, optimizer):
    schedulers = torch.optim.lr_scheduler
    scheduler = schedulers.CosineAnnealingLR(optimizer, T_max=1) if 'T_max' in state else schedulers.ReduceLROnPlateau(optimizer)
    scheduler.load_state_dict(state)
    return scheduler


def as_json(value):
    """JSON has no infinity: numbers that are not finite become texts."""
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def loads_without_code(path):
    """Whether torch.load(weights_only=True) takes the file: torch 1.13 refuses every Python float."""
    try:
        torch.load(path, weights_only=True)
    except pickle.UnpicklingError:
        return False
    return True


def main(path):
    options = {} if torch.__version__.startswith('1.') else {'weights_only': False}
    checkpoint = torch.load(path, **options)
    model = {name: facts(tensor) for name, tensor in checkpoint['model_state_dict'].items()}
    report = {
        'torch': torch.__version__,
        'weights_only': loads_without_code(path),
        'type': type(checkpoint['model_state_dict']).__name__,
        'model': model,
    }
    report.update({key: value for key, value in checkpoint.items()
                   if key not in ('model_state_dict', 'optimizer_state_dict', 'sadaan_gpu')})
    if checkpoint['optimizer_state_dict'] is not None:
        state = checkpoint['optimizer_state_dict']
        report['group'] = state['param_groups'][0].copy()
        report['state'] = {str(index): {key: facts(value) for key, value in entry.items()}
                           for index, entry in state['state'].items()}
        optimizer = load_optimizer(checkpoint)
        scheduler_state = checkpoint['scheduler_state_dict']
        scheduler = None if scheduler_state is None else load_scheduler(scheduler_state, optimizer)
        optimizer.step()
        report['steps_after_one_more'] = sorted({float(entry['step']) for entry in optimizer.state.values()})
        if scheduler is not None:
            scheduler.step(*([1.0] if 'T_max' not in scheduler_state else []))
            report['epochs_after_one_more'] = scheduler.last_epoch
            report['rate_after_one_more'] = optimizer.param_groups[0]['lr']
    print(json.dumps(as_json(report)))


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
