#!/usr/bin/env python3
"""The scaling of PyTorch's DistributedDataParallel over gloo: P processes of T threads against one of T threads.

    python3 docs/benchmarks/ddp.py [--processes 2] [--size 160] [--width 0.25] [--shards 16] [--shard-size 4] [--json FILE]

The network and the steps are those of `pytorch.py`, which lies beside this file. An iteration is a minibatch of `shards`
shards, divided among the processes, with gradients accumulated and reduced at the last shard (`no_sync` before), then an
update by SGD with momentum, as in dnet. In the segmentation phase the frozen classification network runs without gradients,
outside DDP. Each process is bound to its own cores. Rounds of one process and of P alternate.
"""

import argparse
import contextlib
import json
import os
import statistics
import sys
import time

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--processes", type=int, default=2)
parser.add_argument("--threads", type=int, default=1, help="threads of a process")
parser.add_argument("--width", type=float, default=0.25)
parser.add_argument("--size", type=int, default=160)
parser.add_argument("--shards", type=int, default=16)
parser.add_argument("--shard-size", type=int, default=4)
parser.add_argument("--iterations", type=int, default=2, help="iterations of a round, after one that is not measured")
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--layout", default="contiguous", choices=["contiguous", "channels_last"])
parser.add_argument("--json", help="also write all figures to this file")
options = parser.parse_args()

# pytorch.py reads its own command line when it is imported, and sets up the allocator.
here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, here)
sys.argv = ["pytorch.py", "--width", str(options.width), "--size", str(options.size), "--threads", str(options.threads),
            "--shard-size", str(options.shard_size)]
os.environ["OMP_NUM_THREADS"] = str(options.threads)
import pytorch as peer  # noqa: E402
import torch  # noqa: E402
import torch.distributed as dist  # noqa: E402
import torch.multiprocessing as mp  # noqa: E402
import torch.nn.functional as F  # noqa: E402


class Phase(torch.nn.Module):
    """A phase's trained parameters; its forward pass ends with the loss of a shard."""

    def __init__(self, phase, layout):
        super().__init__()
        self.phase = phase
        network = peer.Classification(layout, trained=True) if phase == "classification" else peer.Segmentation(layout)
        self.fixed = None if phase == "classification" else peer.Classification(layout, trained=False)
        self.network = network
        # Score layers have no scale; every other one in the list is trained as it stands. DDP requires all of them.
        self.parameters_ = torch.nn.ParameterList()
        for layer in self.layers(network):
            for name in ("weight", "bias", "scale", "shift"):
                value = getattr(layer, name, None)
                if isinstance(value, torch.Tensor) and value.requires_grad:
                    parameter = torch.nn.Parameter(value.detach())
                    setattr(layer, name, parameter)
                    self.parameters_.append(parameter)

    @staticmethod
    def layers(network):
        if isinstance(network, peer.Classification):
            return sum(network.stages, [network.fc6, network.fc7, network.score])
        return network.norms + sum(network.stages, [network.fc6, network.fc7, network.deconvolution, network.score])

    def forward(self, images, labels, masks):
        if self.phase == "classification":
            net = self.network
            x = F.dropout(net.fc6(net.features(images)), 0.5)
            x = F.dropout(net.fc7(x), 0.5)
            scores = net.score(x, rectified=False).mean(dim=(2, 3))
            return F.binary_cross_entropy_with_logits(scores, labels, reduction="sum") / images.shape[0]
        switches = []
        with torch.no_grad():
            pool5 = self.fixed.features(images, switches)
            saliency = self.fixed.saliency(self.fixed.activations(pool5), labels)
        return F.cross_entropy(self.network.scores(pool5, saliency, switches), masks, ignore_index=255)


def work(rank, processes, phase, port, results):
    cores = sorted(os.sched_getaffinity(0))
    own = cores[rank * options.threads:(rank + 1) * options.threads]
    if own:
        os.sched_setaffinity(0, own)
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), GLOO_SOCKET_IFNAME="lo")
    dist.init_process_group("gloo", rank=rank, world_size=processes)
    layout = torch.channels_last if options.layout == "channels_last" else torch.contiguous_format
    module = Phase(phase, layout)
    model = torch.nn.parallel.DistributedDataParallel(module) if processes > 1 else module
    update = torch.optim.SGD(module.parameters_, lr=1e-9, momentum=0.9)
    n, size = options.shard_size, options.size
    images = (torch.randn(n, 3, size, size) * 60).to(memory_format=layout)
    labels = torch.zeros(n, peer.CLASSES)
    labels[torch.arange(n), torch.arange(n) % peer.CLASSES] = 1
    masks = (torch.rand(n, size, size) < 0.3).long()
    masks[torch.rand(n, size, size) < 0.05] = 255
    own_shards = options.shards // processes
    seconds = []
    for iteration in range(options.iterations + 1):
        dist.barrier()
        start = time.perf_counter()
        update.zero_grad(set_to_none=False)
        for shard in range(own_shards):
            quiet = processes > 1 and shard < own_shards - 1
            with model.no_sync() if quiet else contextlib.nullcontext():
                (model(images, labels, masks) / options.shards).backward()
        update.step()
        seconds.append(time.perf_counter() - start)
    if rank == 0:
        results.put(seconds[1:])
    dist.destroy_process_group()


def measure(processes, phase, port):
    context = mp.get_context("spawn")
    results = context.Queue()
    workers = [context.Process(target=work, args=(rank, processes, phase, port, results)) for rank in range(processes)]
    for worker in workers:
        worker.start()
    seconds = results.get()
    for worker in workers:
        worker.join()
    return options.shards * options.shard_size / statistics.median(seconds)


def main():
    if options.shards % options.processes:
        sys.exit(f"{options.shards} shards cannot be dealt evenly to {options.processes} processes: choose --shards")
    rows, port = [], 29500 + os.getpid() % 1000
    for phase in ("classification", "segmentation"):
        for number in range(options.rounds):
            one = measure(1, phase, port := port + 1)
            many = measure(options.processes, phase, port := port + 1)
            rows.append(dict(phase=phase, round=number, one=one, many=many, ratio=many / one))
            print(f"{phase:16}{one:8.2f} images/s by one, {many:8.2f} by {options.processes}: {many / one:.2f}", flush=True)
        print(f"{phase:16}median ratio {statistics.median(r['ratio'] for r in rows if r['phase'] == phase):.2f}", flush=True)
    if options.json:
        with open(options.json, "w") as file:
            json.dump(dict(rows=rows, processes=options.processes, threads=options.threads, width=options.width, size=options.size,
                           shards=options.shards, shard_size=options.shard_size, torch=torch.__version__), file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
