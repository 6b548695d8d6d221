"""DecoupledNet in PyTorch, written from the authors' published files and the paper alone, not from dnet's Swift code.

The module serves to check dnet. It uses the plainest formulas that PyTorch offers, and every gradient comes from autograd,
including the saliency (pool5-bp is the gradient of the seeded scores with respect to pool5). Its goals are, in this order,
correctness, clarity and speed.

Shapes: N examples, C channels, H x W pixels, K kernel side, L classes. Tensors are NCHW; weights are out x in x K x K,
those of transposed convolutions in x out x K x K. Parameters are a plain dictionary from dnet's names to tensors; their
dtype decides the arithmetic.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F

BRIDGING_EPSILON = 1e-9  # the authors' batch normalization layer
CLASSIFICATION_EPSILON = 1e-5  # the optional batch normalization of the classification network, as VGG16-BN

# Stages of VGG16: name and the width-1 channel count of each convolution; a 2x2 maximum pooling ends every stage.
STAGES = [
    [("conv1_1", 64), ("conv1_2", 64)],
    [("conv2_1", 128), ("conv2_2", 128)],
    [("conv3_1", 256), ("conv3_2", 256), ("conv3_3", 256)],
    [("conv4_1", 512), ("conv4_2", 512), ("conv4_3", 512)],
    [("conv5_1", 512), ("conv5_2", 512), ("conv5_3", 512)],
]
# Each stage of the deconvolution network starts by unpooling with the indices of the pooling of the same number.
DECONVOLUTION_STAGES = [
    (5, [("deconv5_1", 512), ("deconv5_2", 512), ("deconv5_3", 512)]),
    (4, [("deconv4_1", 512), ("deconv4_2", 512), ("deconv4_3", 256)]),
    (3, [("deconv3_1", 256), ("deconv3_2", 256), ("deconv3_3", 128)]),
    (2, [("deconv2_1", 128), ("deconv2_2", 64)]),
    (1, [("deconv1_1", 64), ("deconv1_2", 64)]),
]
IGNORED = 255


def round_half_up(value):
    return math.floor(value + 0.5)


@dataclass
class Shape:
    """The settings that determine every shape of the network."""

    width: float
    input_size: int
    classes: int
    batch_norm: bool = False

    def channels(self, count):
        """round(count * width), at least 1, up to the next multiple of dnet's channel block of 16."""
        return (max(1, round_half_up(count * self.width)) + 15) // 16 * 16

    @property
    def fc6_kernel(self):
        return max(1, round_half_up(0.7 * self.input_size / 32))

    @property
    def score_side(self):
        return self.input_size // 32 - self.fc6_kernel + 1


def parameter_shapes(shape):
    """Returns the shape of every parameter by name, including the batch-norm statistics (mean, variance)."""
    shapes = {}
    ch, k = shape.channels, shape.fc6_kernel

    def convolution(name, inputs, outputs, kernel):
        shapes[name + ".weight"] = (outputs, inputs, kernel, kernel)
        shapes[name + ".bias"] = (outputs,)

    def deconvolution(name, inputs, outputs, kernel):
        shapes[name + ".weight"] = (inputs, outputs, kernel, kernel)
        shapes[name + ".bias"] = (outputs,)

    def batch_norm(name, channels):
        for part in ("scale", "shift", "mean", "variance"):
            shapes[f"{name}.{part}"] = (channels,)

    inputs = 3
    for stage in STAGES:
        for name, count in stage:
            convolution("classification." + name, inputs, ch(count), 3)
            if shape.batch_norm:
                batch_norm(f"classification.{name}.bn", ch(count))
            inputs = ch(count)
    convolution("classification.fc6", inputs, ch(4096), k)
    convolution("classification.fc7", ch(4096), ch(4096), 1)
    convolution("classification.score", ch(4096), shape.classes, 1)

    batch_norm("bridging.pool5_bn", ch(512))
    batch_norm("bridging.saliency_bn", ch(512))
    convolution("bridging.fc6", 2 * ch(512), ch(2048), k)
    batch_norm("bridging.fc6.bn", ch(2048))
    convolution("bridging.fc7", ch(2048), ch(2048), 1)
    batch_norm("bridging.fc7.bn", ch(2048))
    deconvolution("bridging.fc6_deconv", ch(2048), ch(512), k)
    batch_norm("bridging.fc6_deconv.bn", ch(512))

    inputs = ch(512)
    for _, stage in DECONVOLUTION_STAGES:
        for name, count in stage:
            deconvolution("segmentation." + name, inputs, ch(count), 3)
            batch_norm(f"segmentation.{name}.bn", ch(count))
            inputs = ch(count)
    convolution("segmentation.score", inputs, 2, 1)
    return shapes


def is_statistic(name):
    """Returns true for a batch-norm statistic, which no optimizer updates."""
    return name.endswith((".mean", ".variance"))


def trained_names(names, phase):
    """Returns the names that a phase trains: the classification network alone, or everything but it."""
    return [
        name
        for name in names
        if not is_statistic(name) and name.startswith("classification.") == (phase == "classification")
    ]


def has_zero_gradient(name, batch_norm):
    """Returns true if a gradient is zero in exact arithmetic, so that it contains only rounding noise.

    A batch normalization removes a shift of every pixel of a channel. This concerns the biases of layers in front of a
    batch normalization, and the shifts of the two normalizations in front of bridging.fc6, which has no padding.
    """
    if name in ("bridging.pool5_bn.shift", "bridging.saliency_bn.shift"):
        return True
    if not name.endswith(".bias") or name.endswith("score.bias"):
        return False
    if name.startswith("classification."):
        return batch_norm and "conv" in name
    return True


def max_pool(x):
    """2x2 maximum pooling with stride 2. The first of equal values in row order wins. Returns (maxima, indices 0...3)."""
    candidates = [x[..., 0::2, 0::2], x[..., 0::2, 1::2], x[..., 1::2, 0::2], x[..., 1::2, 1::2]]
    best, indices = candidates[0], torch.zeros(candidates[0].shape, dtype=torch.uint8)
    for number in (1, 2, 3):
        larger = candidates[number] > best
        best = torch.where(larger, candidates[number], best)
        indices = torch.where(larger, torch.full_like(indices, number), indices)
    return best, indices


def unpool(x, indices):
    """Puts each value back at the pixel of its 2x2 window that the index names; the other pixels are zero."""
    n, c, h, w = x.shape
    zero = torch.zeros((), dtype=x.dtype)
    parts = [torch.where(indices == number, x, zero) for number in range(4)]
    top = torch.stack((parts[0], parts[1]), dim=-1).reshape(n, c, h, 2 * w)
    bottom = torch.stack((parts[2], parts[3]), dim=-1).reshape(n, c, h, 2 * w)
    return torch.stack((top, bottom), dim=3).reshape(n, c, 2 * h, 2 * w)


def first_maximum(scores):
    """Returns the maximum over the score map and its flat position; the first of equal values in row order wins."""
    flat = scores.flatten(2)
    best, position = flat[..., 0], torch.zeros(flat.shape[:2], dtype=torch.int64)
    for number in range(1, flat.shape[2]):
        larger = flat[..., number] > best
        best = torch.where(larger, flat[..., number], best)
        position = torch.where(larger, torch.full_like(position, number), position)
    return best, position


def channelwise(vector):
    return vector.reshape(1, -1, 1, 1)


def relu(x):
    return torch.where(x > 0, x, torch.zeros((), dtype=x.dtype))


class DecoupledNet:
    """Both networks and the bridging layers, over one dictionary of parameters.

    `statistics` selects the mean and variance of batch normalization: "batch" (of the given examples, one shard) or
    "recorded" (the .mean and .variance parameters). `batch_statistics` keeps the batch statistics that were used last.
    """

    def __init__(self, parameters, batch_norm):
        self.p = parameters
        self.has_batch_norm = batch_norm
        self.batch_statistics = {}

    def batch_norm(self, name, x, statistics, epsilon):
        if statistics == "batch":
            mean = x.mean(dim=(0, 2, 3))
            variance = ((x - channelwise(mean)) ** 2).mean(dim=(0, 2, 3))
            self.batch_statistics[name] = (mean.detach(), variance.detach())
        else:
            mean, variance = self.p[name + ".mean"], self.p[name + ".variance"]
        normalized = (x - channelwise(mean)) / torch.sqrt(channelwise(variance) + epsilon)
        return channelwise(self.p[name + ".scale"]) * normalized + channelwise(self.p[name + ".shift"])

    # Classification

    def features(self, images, statistics):
        """conv1_1 to pool5. Returns (pool5, pooling indices by stage number 1...5)."""
        x, indices = images, {}
        for number, stage in enumerate(STAGES, start=1):
            for name, _ in stage:
                name = "classification." + name
                x = F.conv2d(x, self.p[name + ".weight"], self.p[name + ".bias"], padding=1)
                if self.has_batch_norm:
                    x = self.batch_norm(name + ".bn", x, statistics, CLASSIFICATION_EPSILON)
                x = relu(x)
            x, indices[number] = max_pool(x)
        return x, indices

    def score_map(self, pool5):
        """fc6 (no padding), fc7 and the score layer as convolutions: N x L x S x S."""
        x = pool5
        for layer in ("fc6", "fc7"):
            name = "classification." + layer
            x = relu(F.conv2d(x, self.p[name + ".weight"], self.p[name + ".bias"]))
        return F.conv2d(x, self.p["classification.score.weight"], self.p["classification.score.bias"])

    def classification_loss(self, images, labels):
        """Returns (loss, average-pooled scores). Sigmoid cross-entropy: sum over classes, divided by the examples."""
        pool5, _ = self.features(images, "batch")
        scores = self.score_map(pool5).mean(dim=(2, 3))
        # log(1 + exp(s)) - y s, in the form that does not overflow.
        terms = torch.clamp(scores, min=0) - scores * labels + torch.log1p(torch.exp(-torch.abs(scores)))
        return terms.sum() / images.shape[0], scores

    # Saliency

    def saliency(self, pool5, seeds):
        """Computes pool5-bp: the sum over classes of seeds[n, l] times the gradient of class l's maximum score.

        `seeds` is N x L, or a function from the maximum scores to it. Returns (saliency, maximum scores, average scores).
        """
        features = pool5.detach().requires_grad_(True)
        scores = self.score_map(features)
        best, _ = first_maximum(scores)
        weights = seeds(best.detach()) if callable(seeds) else seeds
        (gradient,) = torch.autograd.grad((best * weights).sum(), features)
        return gradient, best.detach(), scores.mean(dim=(2, 3)).detach()

    # Bridging and segmentation

    def segment(self, pool5, saliency, indices, statistics):
        """Returns the two-channel score map at input size: channel 0 background, channel 1 foreground."""
        x = torch.cat(
            (
                self.batch_norm("bridging.pool5_bn", pool5, statistics, BRIDGING_EPSILON),
                self.batch_norm("bridging.saliency_bn", saliency, statistics, BRIDGING_EPSILON),
            ),
            dim=1,
        )

        def activated(name, x):
            return relu(self.batch_norm(name + ".bn", x, statistics, BRIDGING_EPSILON))

        for name in ("bridging.fc6", "bridging.fc7"):
            x = activated(name, F.conv2d(x, self.p[name + ".weight"], self.p[name + ".bias"]))
        name = "bridging.fc6_deconv"
        x = activated(name, F.conv_transpose2d(x, self.p[name + ".weight"], self.p[name + ".bias"]))
        for number, stage in DECONVOLUTION_STAGES:
            x = unpool(x, indices[number])
            for layer, _ in stage:
                name = "segmentation." + layer
                x = activated(name, F.conv_transpose2d(x, self.p[name + ".weight"], self.p[name + ".bias"], padding=1))
        return F.conv2d(x, self.p["segmentation.score.weight"], self.p["segmentation.score.bias"])

    def segmentation_loss(self, images, labels, masks):
        """Two-way softmax loss over one shard, divided by the number of its pixels that are not 255; else zero.

        The classification network is frozen; its own batch normalization, if any, uses the recorded statistics.
        Returns (loss, a dictionary of intermediate results).
        """
        with torch.no_grad():
            pool5, indices = self.features(images, "recorded")
        saliency, best, _ = self.saliency(pool5, lambda scores: torch.sigmoid(scores) * labels)
        scores = self.segment(pool5, saliency, indices, "batch")
        counted = masks != IGNORED
        pixels = int(counted.sum())
        foreground = (masks == 1) & counted
        log_probabilities = F.log_softmax(scores, dim=1)
        chosen = torch.where(foreground, log_probabilities[:, 1], log_probabilities[:, 0])
        chosen = torch.where(counted, chosen, torch.zeros((), dtype=chosen.dtype))
        loss = -chosen.sum() / max(pixels, 1)
        return loss, {"pool5": pool5, "saliency": saliency, "max_scores": best, "scores": scores, "pixels": pixels}

    def inference(self, images, threshold=0.5):
        """Computes the maps that inference combines, before they are normalized and resized.

        Returns a dictionary: average and maximum scores (before the sigmoid), the present classes (sigmoid of the average
        above the threshold), the background map N x H x W (all present classes seeded) and, by (example, class), the
        foreground map H x W (that class alone seeded).
        """
        pool5, indices = self.features(images, "recorded")
        _, best, average = self.saliency(pool5, torch.zeros(images.shape[0], self.p["classification.score.bias"].shape[0], dtype=images.dtype))
        probability = torch.sigmoid(average)
        present = probability > threshold
        seeds = probability * present

        def maps(examples, seeds):
            chosen = {number: index[examples] for number, index in indices.items()}
            features = pool5[examples]
            saliency, _, _ = self.saliency(features, seeds)
            return torch.softmax(self.segment(features, saliency, chosen, "recorded"), dim=1)

        background = maps(torch.arange(images.shape[0]), seeds)[:, 0]
        foreground = {}
        for example, label in present.nonzero().tolist():
            alone = torch.zeros_like(seeds[:1])
            alone[0, label] = seeds[example, label]
            foreground[(example, label)] = maps(torch.tensor([example]), alone)[0, 1]
        return {
            "average_scores": average,
            "max_scores": best,
            "present": present,
            "background": background,
            "foreground": foreground,
        }


def gradients(loss, parameters, names):
    """Returns the gradients of a loss by name."""
    values = torch.autograd.grad(loss, [parameters[name] for name in names])
    return dict(zip(names, values))
