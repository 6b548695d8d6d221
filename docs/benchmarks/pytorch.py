#!/usr/bin/env python3
"""The steps of `dnet bench` in PyTorch, as fast as its stock operators run them in float32 on a CPU.

    python3 docs/benchmarks/pytorch.py [--size 320] [--width 1] [--threads T] [--shard-size 4] [--json FILE]

Needs torch and nothing of dnet. It measures, on random data: the classification step (forward, loss, backward), the
segmentation step (frozen classification network, saliency, then forward, loss and backward of bridging and segmentation)
and inference with one label (features once, then two passes of saliency, bridging and segmentation), all without update.

For a fair comparison:
- both memory layouts are measured, and the better one counts;
- memory is kept between steps (mallopt) and may come in huge pages; --malloc default leaves that to the system;
- a transposed 3x3 convolution of stride 1 is run as the convolution that it equals; --transposed runs it as named;
- at inference and in the frozen network batch norm is folded into the convolutions, and no gradients are recorded.

N images, C channels, H x W pixels, L classes; tensors are NCHW by shape.
"""

import argparse
import ctypes
import json
import os
import platform
import statistics
import sys
import time

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--width", type=float, default=1, help="factor on VGG16's channels")
parser.add_argument("--size", type=int, default=320, help="side of the input, a multiple of 32")
parser.add_argument("--threads", type=int, default=0, help="0 for all cores that the process may use")
parser.add_argument("--shard-size", type=int, default=4, help="images in a step")
parser.add_argument("--batch-normalization", action="store_true", help="batch norm in the classification network too")
parser.add_argument("--repeats", type=int, default=5, help="runs of which the median is taken, after one that is not measured")
parser.add_argument("--layouts", nargs="+", default=["contiguous", "channels_last"], choices=["contiguous", "channels_last"])
parser.add_argument("--malloc", default="tuned", choices=["tuned", "default"])
parser.add_argument("--transposed", action="store_true", help="run the 3x3 layers of the segmentation network as conv_transpose2d")
parser.add_argument("--json", help="also write all figures to this file")
options = parser.parse_args()

if options.malloc == "tuned":
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # PyTorch's own switch, read when it first allocates
    libc = ctypes.CDLL(None)
    # M_MMAP_MAX 0, M_TRIM_THRESHOLD off, M_ARENA_MAX 1: freed memory stays mapped, so steps fault no fresh pages in.
    for setting, value in ((-4, 0), (-1, -1), (-8, 1)):
        libc.mallopt(setting, value)

import torch
import torch.nn.functional as F

CLASSES = 20
THREADS = options.threads or len(os.sched_getaffinity(0))
STAGES = [[64, 64], [128, 128], [256, 256, 256], [512, 512, 512], [512, 512, 512]]
DECONVOLUTION_STAGES = [[512, 512, 512], [512, 512, 256], [256, 256, 128], [128, 64], [64, 64]]
KERNEL = max(1, int(0.7 * options.size / 32 + 0.5))


def channels(count):
    """The count at this width, rounded up to a multiple of 16 as dnet's."""
    return (max(1, int(count * options.width + 0.5)) + 15) // 16 * 16


class Layer:
    """A convolution's weight and bias, and the scale and shift of the batch norm behind it, where there is one."""

    def __init__(self, inputs, outputs, kernel, layout, norm=False, transposed=False, trained=True):
        shape = (inputs, outputs, kernel, kernel) if transposed else (outputs, inputs, kernel, kernel)
        deviation = (2 / (inputs * kernel * kernel)) ** 0.5
        self.weight = (torch.randn(shape) * deviation).to(memory_format=layout).requires_grad_(trained)
        self.bias = torch.zeros(outputs).requires_grad_(trained)
        self.scale = torch.ones(outputs).requires_grad_(trained) if norm else None
        self.shift = torch.zeros(outputs).requires_grad_(trained) if norm else None
        self.transposed = transposed

    @property
    def parameters(self):
        return [p for p in (self.weight, self.bias, self.scale, self.shift) if p is not None]

    def __call__(self, x, padding=0, epsilon=1e-9, rectified=True):
        """Without gradients the batch norm counts as folded into the weights."""
        convolve = F.conv_transpose2d if self.transposed else F.conv2d
        x = convolve(x, self.weight, self.bias, padding=padding)
        if self.scale is not None and torch.is_grad_enabled():
            x = F.batch_norm(x, None, None, self.scale, self.shift, training=True, eps=epsilon)
        return F.relu_(x) if rectified else x


class Norm:
    """A batch norm that no convolution precedes: it cannot be folded."""

    def __init__(self, count):
        self.scale = torch.ones(count).requires_grad_()
        self.shift = torch.zeros(count).requires_grad_()
        self.mean, self.variance = torch.zeros(count), torch.ones(count)
        self.parameters = [self.scale, self.shift]

    def __call__(self, x):
        batch = torch.is_grad_enabled()
        statistics_ = (None, None) if batch else (self.mean, self.variance)
        return F.batch_norm(x, *statistics_, self.scale, self.shift, training=batch, eps=1e-9)


class Classification:
    def __init__(self, layout, trained):
        norm = options.batch_normalization
        inputs, self.stages = 3, []
        for stage in STAGES:
            self.stages.append([])
            for count in stage:
                self.stages[-1].append(Layer(inputs, channels(count), 3, layout, norm=norm, trained=trained))
                inputs = channels(count)
        self.fc6 = Layer(inputs, channels(4096), KERNEL, layout, trained=trained)
        self.fc7 = Layer(channels(4096), channels(4096), 1, layout, trained=trained)
        self.score = Layer(channels(4096), CLASSES, 1, layout, trained=trained)
        self.parameters = [
            p for layer in sum(self.stages, [self.fc6, self.fc7, self.score]) for p in layer.parameters
        ] if trained else []

    def features(self, x, switches=None):
        """conv1_1 to pool5; where `switches` is a list, it receives the positions of the maxima."""
        for stage in self.stages:
            for layer in stage:
                x = layer(x, padding=1, epsilon=1e-5)
            if switches is None:
                x = F.max_pool2d(x, 2)
            else:
                x, positions = F.max_pool2d(x, 2, return_indices=True)
                switches.append(positions)
        return x

    def step(self, images, labels):
        x = F.dropout(self.fc6(self.features(images)), 0.5)
        x = F.dropout(self.fc7(x), 0.5)
        scores = self.score(x, rectified=False).mean(dim=(2, 3))
        loss = F.binary_cross_entropy_with_logits(scores, labels, reduction="sum") / images.shape[0]
        loss.backward()

    def activations(self, pool5):
        """Outputs of fc6 and fc7, and the score map."""
        fc6 = self.fc6(pool5)
        fc7 = self.fc7(fc6)
        return fc6, fc7, self.score(fc7, rectified=False)

    def saliency(self, activations, labels):
        """The seeded gradient of the maximum scores with respect to pool5."""
        fc6, fc7, scores = activations
        best, positions = scores.flatten(2).max(dim=2, keepdim=True)
        seeds = torch.zeros_like(scores, memory_format=torch.contiguous_format)
        seeds.flatten(2).scatter_(2, positions, torch.sigmoid(best) * labels.unsqueeze(2))
        gradient = F.conv_transpose2d(seeds, self.score.weight).mul_(fc7 > 0)
        gradient = F.conv_transpose2d(gradient, self.fc7.weight).mul_(fc6 > 0)
        return F.conv_transpose2d(gradient, self.fc6.weight)


class Segmentation:
    """The bridging layers and the deconvolution network."""

    def __init__(self, layout):
        c5, bridge = channels(512), channels(2048)
        self.norms = [Norm(c5), Norm(c5)]
        self.fc6 = Layer(2 * c5, bridge, KERNEL, layout, norm=True)
        self.fc7 = Layer(bridge, bridge, 1, layout, norm=True)
        self.deconvolution = Layer(bridge, c5, KERNEL, layout, norm=True, transposed=True)
        inputs, self.stages = c5, []
        for stage in DECONVOLUTION_STAGES:
            self.stages.append([])
            for count in stage:
                self.stages[-1].append(
                    Layer(inputs, channels(count), 3, layout, norm=True, transposed=options.transposed)
                )
                inputs = channels(count)
        self.score = Layer(inputs, 2, 1, layout)
        layers = self.norms + sum(self.stages, [self.fc6, self.fc7, self.deconvolution, self.score])
        self.parameters = [p for layer in layers for p in layer.parameters]

    def scores(self, pool5, saliency, switches):
        x = torch.cat((self.norms[0](pool5), self.norms[1](saliency)), dim=1)
        x = self.deconvolution(self.fc7(self.fc6(x)))
        for stage, positions in zip(self.stages, reversed(switches)):
            x = F.max_unpool2d(x, positions, 2)
            for layer in stage:
                x = layer(x, padding=1)
        return self.score(x, rectified=False)


def segmentation_step(classification, segmentation, images, labels, masks):
    switches = []
    with torch.no_grad():
        pool5 = classification.features(images, switches)
        saliency = classification.saliency(classification.activations(pool5), labels)
    scores = segmentation.scores(pool5, saliency, switches)
    F.cross_entropy(scores, masks, ignore_index=255).backward()


def inference(classification, segmentation, images, labels):
    with torch.inference_mode():
        switches = []
        pool5 = classification.features(images, switches)
        activations = classification.activations(pool5)
        torch.sigmoid(activations[2].mean(dim=(2, 3)))
        for _ in ("background", "foreground"):
            saliency = classification.saliency(activations, labels)
            torch.softmax(segmentation.scores(pool5, saliency, switches), dim=1)


def measure(body, parameters):
    seconds = []
    for _ in range(options.repeats + 1):
        for parameter in parameters:
            parameter.grad = None
        start = time.perf_counter()
        body()
        seconds.append(time.perf_counter() - start)
    return seconds[1:]


def main():
    torch.manual_seed(1)
    torch.set_num_threads(THREADS)
    n, size = options.shard_size, options.size
    rows = []
    for name in options.layouts:
        layout = torch.channels_last if name == "channels_last" else torch.contiguous_format
        images = (torch.randn(n, 3, size, size) * 60).to(memory_format=layout)
        labels = torch.zeros(n, CLASSES)
        labels[torch.arange(n), torch.arange(n) % CLASSES] = 1
        masks = (torch.rand(n, size, size) < 0.3).long()
        masks[torch.rand(n, size, size) < 0.05] = 255

        def add(step, seconds):
            median = statistics.median(seconds)
            rows.append(dict(step=step, layout=name, images_per_second=n / median, median_seconds=median, seconds=seconds))
            print(f"{step:16}{name:16}{n / median:8.2f} images/s {median:10.4f} s  ({min(seconds):.4f}, {max(seconds):.4f})", flush=True)

        classification = Classification(layout, trained=True)
        add("classification", measure(lambda: classification.step(images, labels), classification.parameters))
        del classification
        fixed, segmentation = Classification(layout, trained=False), Segmentation(layout)
        add("segmentation", measure(lambda: segmentation_step(fixed, segmentation, images, labels, masks), segmentation.parameters))
        add("inference", measure(lambda: inference(fixed, segmentation, images, labels), []))
        del fixed, segmentation

    best = {step: max(row["images_per_second"] for row in rows if row["step"] == step) for step in ("classification", "segmentation", "inference")}
    result = dict(
        classification_step_images_per_second=best["classification"],
        segmentation_step_images_per_second=best["segmentation"],
        inference_images_per_second=best["inference"],
        rows=rows, threads=THREADS, width=options.width, size=size, shard_size=n, malloc=options.malloc,
        batch_normalization=options.batch_normalization, torch=torch.__version__, python=platform.python_version(),
        onednn=torch.backends.mkldnn.is_available(), capability=torch.backends.cpu.get_cpu_capability(),
    )
    if options.json:
        with open(options.json, "w") as file:
            json.dump(result, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    sys.exit(main())
