"""Makes the next step of a training with torch from our checkpoint, and saves it as the original program does.

usage: torch_continues.py BEFORE AFTER OUT

BEFORE and AFTER are checkpoints of ours with one update between them. Its (clipped) gradient is what the first moments say:
g = (m' - beta1 m) / (1 - beta1), in float64. torch.optim.AdamW loads BEFORE, makes the step with it, and CosineAnnealingLR
follows. Prints the largest differences from AFTER as one JSON line, and writes OUT without any key of ours.
"""
import json
import sys

import torch


def load(path):
    return torch.load(path, **({} if torch.__version__.startswith('1.') else {'weights_only': False}))


def is_buffer(name):
    return name.rsplit('.', 1)[-1] in ('running_mean', 'running_var', 'num_batches_tracked')


def largest(tensors):
    return max(float(tensor.double().abs().max()) for tensor in tensors)


def main(before_path, after_path, out_path):
    before, after = load(before_path), load(after_path)
    names = [name for name in before['model_state_dict'] if not is_buffer(name)]
    parameters = [torch.nn.Parameter(before['model_state_dict'][name].clone()) for name in names]
    optimizer = torch.optim.AdamW(parameters, lr=1)
    optimizer.load_state_dict(before['optimizer_state_dict'])
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=1)
    scheduler.load_state_dict(before['scheduler_state_dict'])
    beta = optimizer.param_groups[0]['betas'][0]
    old, new = before['optimizer_state_dict']['state'], after['optimizer_state_dict']['state']
    for index, state in new.items():
        gradient = (state['exp_avg'].double() - beta * old[index]['exp_avg'].double()) / (1 - beta)
        parameters[index].grad = gradient.float()
    optimizer.step()
    scheduler.step()

    expected = [after['model_state_dict'][name] for name in names]
    made = optimizer.state_dict()
    seconds = [(made['state'][i]['exp_avg_sq'], state['exp_avg_sq']) for i, state in new.items()]
    print(json.dumps({
        'moved': largest(p - before['model_state_dict'][name] for p, name in zip(parameters, names)),
        # in units of float32's rounding of the parameter
        'parameters': largest((p - e) / (2 ** -24 * e.abs().clamp(min=1e-3)) for p, e in zip(parameters, expected)),
        'second_moments': largest((v - e) / (e + 1e-12) for v, e in seconds),
        'steps': sorted({float(state['step']) for state in made['state'].values()}),
        'rate': made['param_groups'][0]['lr'] - after['optimizer_state_dict']['param_groups'][0]['lr'],
    }))

    model = after['model_state_dict'].copy()
    model.update({name: parameter.detach() for name, parameter in zip(names, parameters)})
    kept = ('epoch', 'structure_names', 'is_best', 'train_loss_history', 'val_loss_history')
    torch.save({
        **{key: after[key] for key in kept},
        'model_state_dict': model,
        'optimizer_state_dict': made,
        'scheduler_state_dict': scheduler.state_dict(),
    }, out_path)


if __name__ == '__main__':
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
