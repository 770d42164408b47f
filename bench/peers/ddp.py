"""ddp.py ORACLE RANK SIZE STORE [--channels 16,32,64,128,256] [--features 0] [--structures 13] [--size 64,64,32] [--batch 1]
[--steps 3] [--threads 1]: one of SIZE processes that time the oracle's training step on the CPU, first each by itself, then with
DistributedDataParallel over gloo. STORE is a file that none of them has made yet. Prints seconds per step as JSON."""
import argparse
import importlib.util
import json
import time

import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

top = argparse.ArgumentParser(description=__doc__)
top.add_argument('oracle'), top.add_argument('rank', type=int), top.add_argument('ranks', type=int), top.add_argument('store')
for name, value in (('channels', '16,32,64,128,256'), ('size', '64,64,32')):
    top.add_argument('--' + name, default=value)
for name, value in (('features', 0), ('structures', 13), ('batch', 1), ('steps', 3), ('threads', 1)):
    top.add_argument('--' + name, type=int, default=value)
args = top.parse_args()

spec = importlib.util.spec_from_file_location('oracle', args.oracle)
oracle = importlib.util.module_from_spec(spec)
spec.loader.exec_module(oracle)

torch.set_num_threads(args.threads)
torch.manual_seed(0)
channels, size = (tuple(map(int, text.split(','))) for text in (args.channels, args.size))
net = oracle.Sadaan(args.structures, size, 1, channels, features=args.features).train()
opt = torch.optim.AdamW(net.parameters(), 5e-4, weight_decay=1e-4)
x, masks, presence = oracle.sample(torch.Generator().manual_seed(args.rank), args.batch, args.structures, size, 1)


def seconds(run):
    def step():
        loss = oracle.losses(run(x), masks, presence)['total']
        opt.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        opt.step()

    step()
    distributed.barrier()
    start = time.perf_counter()
    for _ in range(args.steps):
        step()
    return (time.perf_counter() - start) / args.steps


distributed.init_process_group('gloo', init_method='file://' + args.store, rank=args.rank, world_size=args.ranks)
apart = seconds(net)
# the confidence head is in no loss term
together = seconds(DistributedDataParallel(net, find_unused_parameters=True))
print(json.dumps(dict(torch=torch.__version__, apart_s=apart, together_s=together)))
distributed.destroy_process_group()
