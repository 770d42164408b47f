"""SADAAN in plain PyTorch, independent of the code under test, which is checked against it.

Model, loss and optimiser step are stated as plainly as possible, in float64 if asked. The names of the state_dict are those of the
original PyTorch implementation, so a checkpoint of either side loads in the other. It is slow on purpose: nothing is fused.

Needs torch and h5py (Debian: python3-torch, python3-h5py).

    python3 sadaan_oracle.py golden OUT.h5 OUT.pth [--channels 4,8,16,32,64] [--structures 3]
                     [--size 32,32,16] [--batch 2] [--steps 3] [--seed 0] [--in-channels 1] [--features 0] [--smooth]
                     [--without OUTPUT,...: outputs that are not written] (features 0: 8 times the first width)
    python3 sadaan_oracle.py forward CHECKPOINT.pth INPUT.h5 OUT.h5     (INPUT: dataset 'x' [B,C,H,W,D])
    python3 sadaan_oracle.py bench [--channels 16,32,64,128,256] [--structures 13] [--size 64,64,32]
                     [--batch 1] [--steps 3] [--device cpu|cuda] [--mode fp32|tf32|fp16|bf16] [--layout ncdhw|ndhwc] [--compile]
                     [--original: with the original's copy of the features for every structure] [--threads N] [--features 0]
"""
import argparse
import json
import time

import torch
from torch import nn
from torch.nn import functional as F


def conv_block(cin, cout):
    """Conv3 - BN - ReLU, twice.  (N, cin, H, W, D) -> (N, cout, H, W, D)"""
    return nn.Sequential(
        nn.Conv3d(cin, cout, 3, padding=1), nn.BatchNorm3d(cout), nn.ReLU(),
        nn.Conv3d(cout, cout, 3, padding=1), nn.BatchNorm3d(cout), nn.ReLU())


class Encoder(nn.Module):
    """U-shaped trunk: five levels down, four up; ends in features F (N, features, H, W, D) without activation."""

    def __init__(self, cin, ch, features):
        super().__init__()
        self.enc1, self.enc2, self.enc3, self.enc4, self.enc5 = (
            conv_block(a, b) for a, b in zip([cin, *ch[:-1]], ch))
        for level in (4, 3, 2, 1):
            lo, hi = ch[level], ch[level - 1]
            setattr(self, f'up{level}', nn.ConvTranspose3d(lo, hi, 2, stride=2))
            setattr(self, f'dec{level}', conv_block(2 * hi, hi))
        self.final_conv = nn.Conv3d(ch[0], features, 1)

    def forward(self, x):
        skips, h = [], x
        for level in (1, 2, 3, 4):
            h = getattr(self, f'enc{level}')(h)
            skips.append(h)
            h = F.max_pool3d(h, 2)
        h = self.enc5(h)
        for level in (4, 3, 2, 1):
            up = getattr(self, f'up{level}')(h)
            h = getattr(self, f'dec{level}')(torch.cat([up, skips[level - 1]], 1))
        return self.final_conv(h)


class Attention(nn.Module):
    """A = sigmoid(conv(F)) * sigmoid(P);  R = match(F);  alignment = mean over voxels of A * sigmoid(R)."""

    def __init__(self, features, s, size):
        super().__init__()
        self.position_embeddings = nn.Parameter(torch.randn(s, *size) * 0.1)
        self.attention_conv = nn.Sequential(
            nn.Conv3d(features, features // 2, 3, padding=1), nn.BatchNorm3d(features // 2), nn.ReLU(),
            nn.Conv3d(features // 2, s, 1))
        self.feature_matcher = nn.Sequential(
            nn.Conv3d(features, features, 3, padding=1), nn.BatchNorm3d(features), nn.ReLU(),
            nn.Conv3d(features, s, 1))

    def forward(self, f):
        a = torch.sigmoid(self.attention_conv(f)) * torch.sigmoid(self.position_embeddings)
        r = self.feature_matcher(f)
        return a, r, (a * torch.sigmoid(r)).mean((2, 3, 4))


class Absence(nn.Module):
    """One small MLP per structure on [global mean of F, alignment of that structure] -> (absent, present) logits."""

    def __init__(self, features, s, dropout):
        super().__init__()
        self.absence_classifiers = nn.ModuleList(nn.Sequential(
            nn.Linear(features + 1, 64), nn.ReLU(), nn.Dropout(dropout),
            nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 2)) for _ in range(s))
        self.confidence_head = nn.Sequential(nn.Linear(features, 64), nn.ReLU(), nn.Linear(64, s), nn.Sigmoid())

    def forward(self, f, alignment):
        g = f.mean((2, 3, 4))
        logits = torch.stack([mlp(torch.cat([g, alignment[:, i:i + 1]], 1))
                              for i, mlp in enumerate(self.absence_classifiers)], 1)
        return logits, logits.softmax(-1)[..., 1], self.confidence_head(g)


class Segmentation(nn.Module):
    """logit_s = w_s . (refine(F) * A_s) + b_s, which is A_s * (w_s . refine(F)) + b_s."""

    copies = False  # True: as in the original, S copies of the refined features and the diagonal of S x S maps

    def __init__(self, features, s):
        super().__init__()
        h = features // 2
        self.feature_refine = nn.Sequential(
            nn.Conv3d(features, h, 3, padding=1), nn.BatchNorm3d(h), nn.ReLU(),
            nn.Conv3d(h, h, 3, padding=1), nn.BatchNorm3d(h), nn.ReLU())
        self.segmentation_layer = nn.Conv3d(h, s, 1)

    def forward(self, f, a):
        if self.copies:
            r = self.feature_refine(f)
            maps = self.segmentation_layer((r[:, None] * a[:, :, None]).flatten(0, 1)).unflatten(0, a.shape[:2])
            return maps.diagonal(dim1=1, dim2=2).permute(0, 4, 1, 2, 3) + 0
        w, b = self.segmentation_layer.weight, self.segmentation_layer.bias
        return a * F.conv3d(self.feature_refine(f), w) + b.view(1, -1, 1, 1, 1)


class Sadaan(nn.Module):
    def __init__(self, structures, size, in_channels=1, channels=(16, 32, 64, 128, 256), dropout=0.2, features=None):
        super().__init__()
        features = features or 8 * channels[0]
        self.encoder = Encoder(in_channels, list(channels), features)
        self.attention_module = Attention(features, structures, size)
        self.absence_detector = Absence(features, structures, dropout)
        self.segmentation_head = Segmentation(features, structures)

    def forward(self, x):
        f = self.encoder(x)
        a, r, alignment = self.attention_module(f)
        absence, presence, confidence = self.absence_detector(f, alignment)
        z = self.segmentation_head(f, a)
        return dict(attention_maps=a, feature_responses=r, alignment_scores=alignment, absence_logits=absence,
                    presence_probs=presence, confidence_scores=confidence,
                    segmentation_logits=z, segmentation_probs=torch.sigmoid(z))


WEIGHTS = dict(segmentation=1.0, dice=2.0, focal_seg=1.0, absence=1.0,
               attention_supervision=0.5, false_positive_suppression=0.5, confidence=0.1)


def losses(out, masks, presence, weights=WEIGHTS, alpha=0.25, gamma=2.0):
    """The seven documented terms; masks (B,S,H,W,D) in {0,1}, presence (B,S) in {0,1}."""
    z, p, q, a = (out[k] for k in ('segmentation_logits', 'segmentation_probs', 'presence_probs', 'attention_maps'))
    here = presence > 0.5
    pairs, absent = here.sum(), (~here).sum()
    vox = (2, 3, 4)
    mean = lambda per_pair, mask, count: (per_pair * mask).sum() / count if count > 0 else per_pair.sum() * 0
    bce = F.binary_cross_entropy_with_logits(z, masks, reduction='none')
    dice = 1 - (2 * (p * masks).sum(vox) + 1e-6) / (p.sum(vox) + masks.sum(vox) + 1e-6)
    focal = alpha * (1 - torch.exp(-bce)) ** gamma * bce
    wrong = torch.where(presence < 0.5, (q - 0.5).clamp(min=0), (0.5 - q).clamp(min=0))
    terms = dict(
        segmentation=mean(bce.mean(vox), here, pairs),
        dice=mean(dice, here, pairs),
        focal_seg=mean(focal.mean(vox), here, pairs),
        absence=F.binary_cross_entropy(q, presence),
        attention_supervision=(F.binary_cross_entropy(a, masks, reduction='none').mean(vox) * here).sum() / here.numel(),
        false_positive_suppression=mean(p.mean(vox), ~here, absent),
        confidence=(wrong ** 2).mean())
    terms['total'] = sum(weights[k] * v for k, v in terms.items())
    return terms


def sample(gen, b, s, size, cin):
    """Bright boxes with matching masks; some structures are absent. The same for the same state of gen."""
    x = torch.rand(b, cin, *size, generator=gen) * 60
    masks = torch.zeros(b, s, *size)
    presence = (torch.rand(b, s, generator=gen) > 0.35).float()
    presence[:, 0] = 1
    if s > 1:
        presence[0, -1] = 0
    for i in range(b):
        for j in range(s):
            if presence[i, j]:
                lo = [int(torch.randint(0, n // 2, (1,), generator=gen)) for n in size]
                hi = [a + max(2, n // 3) for a, n in zip(lo, size)]
                masks[i, j, lo[0]:hi[0], lo[1]:hi[1], lo[2]:hi[2]] = 1
                x[i] += masks[i, j] * (90 + 30 * j)
    return x.clamp(0, 255), masks, presence


def golden(args):
    import h5py
    ch = tuple(map(int, args.channels.split(',')))
    size = tuple(map(int, args.size.split(',')))
    names = [f'structure_{i}' for i in range(args.structures)]
    gen = torch.Generator().manual_seed(args.seed)
    torch.manual_seed(args.seed)
    torch.set_default_dtype(torch.float32)
    net = Sadaan(args.structures, size, args.in_channels, ch, dropout=0.0, features=args.features)
    if args.smooth:  # keeps ReLU inputs away from zero, so that float32 takes the same branches as float64
        for m in net.modules():
            if isinstance(m, nn.BatchNorm3d):
                m.weight.data.uniform_(0.2, 0.3)
                m.bias.data.uniform_(1.4, 1.7)
                m.bias.data[3::4] *= -1
    start = {k: v.clone() for k, v in net.state_dict().items()}
    net = net.double().train()
    opt = torch.optim.AdamW(net.parameters(), 5e-4, weight_decay=1e-4)
    written = lambda outputs: {k: v for k, v in outputs.items() if k not in args.without.split(',')}
    batches = [sample(gen, args.batch, args.structures, size, args.in_channels) for _ in range(args.steps)]
    with h5py.File(args.h5, 'w', libver='latest') as h5:  # 'latest' and one chunk a tensor halve the file
        packed = lambda v: dict(compression='gzip', shuffle=True, chunks=tuple(v.shape)) if v.numel() > 256 else {}
        put = lambda k, v: h5.create_dataset(k, data=v.detach().cpu().numpy(), **packed(v))
        h5.attrs.update(channels=ch, size=size, structures=args.structures, batch=args.batch, steps=args.steps,
                        learning_rate=5e-4, weight_decay=1e-4, gradient_clip_norm=0.5, dropout=0.0)
        for k, v in start.items():
            put(f'initial/{k}', v)
        for step, (x, masks, presence) in enumerate(batches):
            put(f'step{step}/x', x), put(f'step{step}/masks', masks.to(torch.uint8)), put(f'step{step}/presence', presence)
            out = net(x.double())
            terms = losses(out, masks.double(), presence.double())
            opt.zero_grad()
            terms['total'].backward()
            for k, v in terms.items():
                h5[f'step{step}/loss/{k}'] = v.item()
            if step == 0:
                for k, v in written(out).items():
                    put(f'step0/out/{k}', v.float())
                for k, v in net.named_parameters():
                    put(f'step0/grad/{k}', torch.zeros_like(v).float() if v.grad is None else v.grad.float())
            h5[f'step{step}/grad_norm'] = float(torch.nn.utils.clip_grad_norm_(net.parameters(), 0.5))
            opt.step()
        for k, v in net.state_dict().items():
            put(f'final/{k}', v.float() if v.is_floating_point() else v)
        net.eval()
        with torch.no_grad():
            for k, v in written(net(batches[0][0].double())).items():
                put(f'eval/{k}', v.float())
    net.float()
    for st in opt.state.values():
        for k in ('exp_avg', 'exp_avg_sq'):
            st[k] = st[k].float()
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=20, eta_min=1e-6)
    torch.save(dict(epoch=2, model_state_dict=net.state_dict(), optimizer_state_dict=opt.state_dict(),
                    scheduler_state_dict=sched.state_dict(), structure_names=names, is_best=True,
                    train_loss_history=[3.0, 2.0, 1.0], val_loss_history=[3.1, 2.1, 1.1]), args.pth)


def forward(args):
    import h5py
    ck = torch.load(args.pth, map_location='cpu')
    sd = ck['model_state_dict']
    p = sd['attention_module.position_embeddings']
    ch = [sd[f'encoder.enc{i}.0.weight'].shape[0] for i in range(1, 6)]
    net = Sadaan(p.shape[0], tuple(p.shape[1:]), sd['encoder.enc1.0.weight'].shape[1], ch,
                 features=sd['encoder.final_conv.weight'].shape[0])
    net.load_state_dict(sd)
    net.eval()
    with h5py.File(args.input) as f, h5py.File(args.h5, 'w') as o, torch.no_grad():
        for k, v in net(torch.from_numpy(f['x'][...]).float()).items():
            o.create_dataset(k, data=v.numpy())
    print(json.dumps(dict(epoch=ck['epoch'], keys=sorted(ck), structures=int(p.shape[0]), tensors=len(sd))))


def bench(args):
    ch = tuple(map(int, args.channels.split(',')))
    size = tuple(map(int, args.size.split(',')))
    dev = torch.device(args.device)
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    cuda = dev.type == 'cuda'
    if cuda:
        torch.backends.cudnn.benchmark = True
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = args.mode != 'fp32'
    net = Sadaan(args.structures, size, 1, ch, features=args.features).to(dev).train()
    net.segmentation_head.copies = args.original
    if args.layout == 'ndhwc':
        net = net.to(memory_format=torch.channels_last_3d)
    run = torch.compile(net) if args.compile else net
    opt = torch.optim.AdamW(net.parameters(), 5e-4, weight_decay=1e-4)
    gen = torch.Generator().manual_seed(0)
    x, masks, presence = (t.to(dev) for t in sample(gen, args.batch, args.structures, size, 1))
    half = dict(fp16=torch.float16, bf16=torch.bfloat16).get(args.mode)
    scaler = torch.cuda.amp.GradScaler(enabled=cuda and args.mode == 'fp16')
    sync = torch.cuda.synchronize if cuda else (lambda: None)
    times = []
    for i in range(args.steps + 1):
        sync()
        t = time.perf_counter()
        with torch.autocast(dev.type, dtype=half or torch.bfloat16, enabled=half is not None):
            out = run(x)
        loss = losses({k: v.float() for k, v in out.items()}, masks, presence)['total']
        opt.zero_grad(set_to_none=True)
        scaler.scale(loss).backward()
        scaler.unscale_(opt)
        torch.nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        scaler.step(opt)
        scaler.update()
        sync()
        times.append(time.perf_counter() - t)
    times = sorted(times[1:])
    import resource
    print(json.dumps(dict(torch=torch.__version__, cudnn=torch.backends.cudnn.version() if cuda else None,
                          mode=args.mode, layout=args.layout, compiled=args.compile, original=args.original, batch=args.batch, size=size,
                          median_s=times[len(times) // 2], samples_per_s=args.batch / times[len(times) // 2],
                          peak_bytes=torch.cuda.max_memory_allocated() if cuda else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)))


if __name__ == '__main__':
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = top.add_subparsers(required=True)
    g = sub.add_parser('golden')
    g.add_argument('h5'), g.add_argument('pth')
    for name, value in (('channels', '4,8,16,32,64'), ('size', '32,32,16'), ('without', '')):
        g.add_argument('--' + name, default=value)
    for name, value in (('structures', 3), ('batch', 2), ('steps', 3), ('seed', 0), ('in-channels', 1), ('features', 0)):
        g.add_argument('--' + name, type=int, default=value)
    g.add_argument('--smooth', action='store_true')
    g.set_defaults(run=golden)
    f = sub.add_parser('forward')
    f.add_argument('pth'), f.add_argument('input'), f.add_argument('h5')
    f.set_defaults(run=forward)
    b = sub.add_parser('bench')
    for name, value in (('channels', '16,32,64,128,256'), ('size', '64,64,32'), ('device', 'cpu'), ('mode', 'fp32'), ('layout', 'ncdhw')):
        b.add_argument('--' + name, default=value)
    for name, value in (('structures', 13), ('batch', 1), ('steps', 3), ('threads', 0), ('features', 0)):
        b.add_argument('--' + name, type=int, default=value)
    b.add_argument('--compile', action='store_true')
    b.add_argument('--original', action='store_true')
    b.set_defaults(run=bench)
    arguments = top.parse_args()
    arguments.run(arguments)
