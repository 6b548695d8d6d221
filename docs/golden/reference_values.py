"""Weights, images, labels and masks that Python and Swift compute from a name and an index, bit for bit the same.

    unit(name, index) = ((mix(mix(index + 0x9e3779b9) ^ fnv1a(name)) >> 8) - 2^23) / 2^23         in [-1, 1)
    value = float32(center + amplitude * unit(name, index))         the sum and product in float64

`mix` is a 32-bit finalizer (shift, multiply, twice); `fnv1a` is the 32-bit FNV-1a hash of the name's bytes. All integers have
32 bits and wrap. A unit has 24 bits, so it is exact in float32. The only rounding is the last one, to float32, so float32
and float64 networks receive exactly the same numbers. Tests/TestSupport/ReferenceValues.swift is the counterpart in
Swift. `index` counts elements in row-major order of the plain shape.
"""

import math

import numpy as np
import torch

from decouplednet import parameter_shapes

SAME_IN_BOTH = 0x9E3779B9


def fnv1a(text):
    value = 0x811C9DC5
    for byte in text.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


def mix(x):
    x = x.astype(np.uint32)
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B)
    return x ^ (x >> np.uint32(16))


def units(name, count):
    """Returns unit(name, 0) ... unit(name, count - 1) as float64."""
    index = np.arange(count, dtype=np.uint32) + np.uint32(SAME_IN_BOTH)
    hashed = mix(mix(index) ^ np.uint32(fnv1a(name)))
    return ((hashed >> np.uint32(8)).astype(np.float64) - 2.0**23) / 2.0**23


def values(key, shape, center, amplitude):
    """Returns a float64 tensor of the given plain shape whose values are exact in float32. `key` is salt + "/" + name."""
    count = math.prod(shape)
    exact = center + amplitude * units(key, count)
    return torch.from_numpy(exact.astype(np.float32).astype(np.float64).reshape(shape))


def images(salt, examples, size):
    """Returns N x 3 x H x W in [-120, 120): a unit for the 16x16 block of the pixel plus one for the pixel, 60 each.

    The blocks make deep features differ between examples; plain noise would look the same everywhere.
    """
    side = size // 16
    pixels = units(f"{salt}/images", examples * 3 * size * size).reshape(examples, 3, size, size)
    blocks = units(f"{salt}/blocks", examples * 3 * side * side).reshape(examples, 3, side, side)
    exact = 60 * (pixels + blocks.repeat(16, axis=2).repeat(16, axis=3))
    return torch.from_numpy(exact.astype(np.float32).astype(np.float64))


def labels(salt, examples, classes):
    """Returns N x L of 0 and 1: 1 if the unit is above 0.2, or if l = n mod L, so that each example has a class."""
    drawn = units(f"{salt}/labels", examples * classes).reshape(examples, classes) > 0.2
    for example in range(examples):
        drawn[example, example % classes] = True
    return torch.from_numpy(drawn.astype(np.float64))


def masks(salt, examples, size):
    """Returns N x H x W of 0, 1 and 255: the unit below -0.8 is 255 (ignored), above 0.2 is 1, else 0."""
    unit = units(f"{salt}/masks", examples * size * size).reshape(examples, size, size)
    return torch.from_numpy(np.where(unit < -0.8, 255, np.where(unit > 0.2, 1, 0)).astype(np.uint8))


def ranges(shape, calm=False):
    """Returns (center, amplitude) by parameter name that keep activations near one in every layer (He's rule, uniform).

    `calm` lifts the shifts of bridging and segmentation by two standard deviations. Seven times fewer units are then so
    near zero that rounding could flip their ReLU, and gradients can be compared more tightly. Calm cases also have score
    weights 1/512 as large, so that the variances of the saliency are near 1e-7, as in real networks, and the epsilon of
    1e-9 matters. Statistics are left out: make_golden.py sets them from the activations.
    """
    chosen = {}
    for name, dimensions in parameter_shapes(shape).items():
        if name.endswith(".scale"):
            chosen[name] = (1.0, 0.25)
        elif name.endswith(".shift"):
            chosen[name] = (2.0 if calm and not name.startswith("classification.") else 0.0, 0.25)
        elif name.endswith(".bias"):
            chosen[name] = (0.0, 0.125)
        elif name.endswith(".weight"):
            transposed = "deconv" in name
            inputs = dimensions[0] if transposed else dimensions[1]
            fan_in = inputs * dimensions[2] * dimensions[3]
            amplitude = math.sqrt(6 / fan_in)
            if name == "classification.conv1_1.weight":
                amplitude /= 64  # images reach to +-120, not +-1
            if name.endswith("score.weight"):
                amplitude /= 2  # so that sigmoid and softmax are not saturated
                if calm:
                    amplitude /= 4 if name.startswith("segmentation.") else 512
            chosen[name] = (0.0, round_to_digits(amplitude))
    return chosen


def round_to_digits(value, digits=3):
    """Rounds to a short decimal, so that golden files are readable and both sides parse the same number."""
    return float(f"{value:.{digits - 1}e}")
