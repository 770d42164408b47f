"""Writes the fixture of the tests: a small training checkpoint as torch saves it, with odd tensors beside it.

usage: make_fixture.py FILE.pth
"""
import sys

import numpy
import torch


def train_a_little():
    torch.manual_seed(7)
    model = torch.nn.Sequential(torch.nn.Conv3d(1, 2, 1), torch.nn.BatchNorm3d(2), torch.nn.Linear(2, 3))
    unused = torch.nn.Linear(2, 1)  # never has a gradient, so no optimiser state
    optimizer = torch.optim.AdamW([*model.parameters(), *unused.parameters()], 1e-3, weight_decay=1e-4)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=20, eta_min=1e-6)
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.randn(1, 1, 2, 2, 2)[..., :2]).square().sum().backward()
        optimizer.step()
        scheduler.step()
    state = model.state_dict()
    state.update({'unused.' + name: tensor for name, tensor in unused.state_dict().items()})
    return state, optimizer, scheduler


def odd_tensors():
    storage = torch.arange(24, dtype=torch.float32)
    return {
        'transposed': storage.reshape(2, 3, 4).permute(2, 0, 1),
        'slice': storage.reshape(4, 6)[1:, ::2],
        'expanded': torch.tensor([5.0, 6.0]).reshape(2, 1).expand(2, 3),
        'scalar': torch.tensor(2.5),
        'empty': torch.zeros(0, 3),
        'flags': torch.tensor([True, False, True]),
        'counts': torch.tensor([-1, 2**40], dtype=torch.int64),
        'labels': torch.tensor([-3, 2**31 - 1], dtype=torch.int32),
        'bytes': torch.tensor([0, 255], dtype=torch.uint8),
        'double': torch.tensor([0.1], dtype=torch.float64),
        'half': torch.tensor([1.5, -65504.0, 2**-24, float('inf'), 0.0], dtype=torch.float16),
        'brain': torch.tensor([1.5, -2.0**100, float('-inf')], dtype=torch.bfloat16),
        'parameter': torch.nn.Parameter(torch.ones(2)),
        'size': torch.Size([4, 5]),
        'numpy': [numpy.float64(0.1), numpy.float32(0.5), numpy.int64(-3), numpy.int32(7), numpy.bool_(True)],
        'plain': [None, True, -1, 300, 70000, -2**31, 2**45, 2**70, -2**70, 0.25, 'grün', (), (1,), (1, 2), {}, {3: []}],
    }


def main(path):
    state, optimizer, scheduler = train_a_little()
    torch.save({
        'epoch': 2, 'model_state_dict': state, 'optimizer_state_dict': optimizer.state_dict(),
        'scheduler_state_dict': scheduler.state_dict(), 'structure_names': ['left_lung', 'right_lung'], 'is_best': True,
        'train_loss_history': [3.0, 2.5], 'val_loss_history': [3.1, 2.6], 'odd': odd_tensors(),
    }, path)


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
