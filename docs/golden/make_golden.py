"""Writes the golden files of Tests/ModelsTests/Golden from the PyTorch network, in float64.

    python docs/golden/make_golden.py [--output DIR] [--search N] [--only CASE]

Every case computes weights, images, labels and masks by formula (reference_values.py), so a file contains only their ranges
and the results: losses, scores, norms and a few entries of every gradient and map. See README.md.
"""

import argparse
import json
import pathlib

import torch

import reference_values
from decouplednet import DecoupledNet, Shape, gradients, has_zero_gradient, is_statistic, parameter_shapes, trained_names

# Input size, classes, batch normalization in the classification network, calm (see reference_values.ranges), and the number
# in the salt: the least sensitive of 64 (calm cases: of 24), found with --search.
CASES = [
    (64, 5, False, False, 37),
    (64, 20, False, False, 52),
    (96, 5, False, False, 2),
    (96, 20, False, False, 49),
    (64, 20, True, False, 34),
    (96, 5, True, False, 2),
    (64, 20, False, True, 11),
    (96, 5, True, True, 2),
]
EXAMPLES = 4
MAPS_PER_EXAMPLE = 2  # foreground maps kept of each example, its lowest classes first


def entries(tensor, count=4):
    """Returns the largest entry and a few spread over the tensor, as index and value."""
    flat = tensor.detach().flatten()
    chosen = {int(flat.abs().argmax())} | {(2 * i + 1) * flat.numel() // (2 * count) for i in range(count)}
    return [{"index": i, "value": float(flat[i])} for i in sorted(chosen)]


def summary(tensor):
    return {"norm": float(tensor.detach().norm()), "entries": entries(tensor)}


def named_gradients(values, batch_norm):
    return [
        {"name": name, "zero": has_zero_gradient(name, batch_norm), **summary(values[name])} for name in sorted(values)
    ]


class Inputs:
    """The inputs of one case: float64 tensors whose values are exact in float32."""

    def __init__(self, shape, salt, calm=False):
        self.shape, self.salt = shape, salt
        self.dimensions = parameter_shapes(shape)
        self.ranges = reference_values.ranges(shape, calm)
        self.images = reference_values.images(salt, EXAMPLES, shape.input_size)
        self.labels = reference_values.labels(salt, EXAMPLES, shape.classes)
        self.masks = reference_values.masks(salt, EXAMPLES, shape.input_size)
        self.parameters = {}
        for name in self.ranges:
            self.draw(name)

    def draw(self, name):
        self.parameters[name] = reference_values.values(
            f"{self.salt}/{name}", self.dimensions[name], *self.ranges[name]
        )

    def set_statistics(self, batch_statistics):
        """Sets the recorded statistics near those of the batch, so that inference yields activations of normal size."""
        for name, (mean, variance) in batch_statistics.items():
            spread = float(mean.std(unbiased=False))
            level = float(variance.mean())
            digits = reference_values.round_to_digits
            self.ranges[name + ".mean"] = (digits(float(mean.mean())), digits(spread))
            self.ranges[name + ".variance"] = (digits(level), digits(level / 2))
            self.draw(name + ".mean")
            self.draw(name + ".variance")

    def calibrate(self):
        """Sets the recorded statistics of the classification network, then, using them, those of the rest."""
        if self.shape.batch_norm:
            net = DecoupledNet(self.parameters, True)
            net.features(self.images, "batch")
            self.set_statistics(net.batch_statistics)
        net = DecoupledNet(self.parameters, self.shape.batch_norm)
        net.segmentation_loss(self.images, self.labels, self.masks)
        self.set_statistics(net.batch_statistics)

    def cast(self, dtype):
        parameters = {name: value.to(dtype).clone() for name, value in self.parameters.items()}
        for name, value in parameters.items():
            value.requires_grad_(not is_statistic(name))
        return self.images.to(dtype), self.labels.to(dtype), parameters


def run(inputs, dtype, noise=0.0):
    """Runs both training phases: (classification loss, scores, gradients, segmentation loss, details, gradients)."""
    images, labels, parameters = inputs.cast(dtype)
    if noise:
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for value in parameters.values():
                value *= 1 + noise * torch.randn(value.shape, generator=generator, dtype=dtype)
    net = DecoupledNet(parameters, inputs.shape.batch_norm)
    loss, scores = net.classification_loss(images, labels)
    first = gradients(loss, parameters, trained_names(parameters, "classification"))
    second_loss, details = net.segmentation_loss(images, labels, inputs.masks)
    second = gradients(second_loss, parameters, trained_names(parameters, "segmentation"))
    return loss.detach(), scores.detach(), first, second_loss.detach(), details, second


def deviations(one, golden, batch_norm):
    """Returns, by phase, the largest relative error (norm of the difference) of a gradient that is not zero."""
    return [
        max(
            float((one[phase][name].double() - value).norm() / value.norm())
            for name, value in golden[phase].items()
            if not has_zero_gradient(name, batch_norm)
        )
        for phase in (2, 5)
    ]


def choose(shape, calm, salts):
    """Returns the inputs, among the given salts, whose gradients suffer least from float32 and from weights off by 1e-6.

    Gradients jump where a ReLU or a pooling index flips, and some unit is always close to flipping. This keeps a case in
    which such units matter little, so that a float32 network can be held to a tight tolerance.
    """
    best = None
    for number in salts:
        inputs = Inputs(shape, f"dnet-{number}", calm)
        inputs.calibrate()
        golden = run(inputs, torch.float64)
        single = deviations(run(inputs, torch.float32), golden, shape.batch_norm)
        noisy = deviations(run(inputs, torch.float64, noise=1e-6), golden, shape.batch_norm)
        images, _, parameters = inputs.cast(torch.float64)
        parameters = {name: value.detach() for name, value in parameters.items()}
        maps = DecoupledNet(parameters, shape.batch_norm).inference(images)
        if weakness := weakness_of(inputs, golden, maps):
            print(f"  {inputs.salt} is unsuitable: {weakness}", flush=True)
            continue
        worst = max(single + noisy)
        if best is None or worst < best[0]:
            best = (worst, single, noisy, inputs, golden, maps)
    if best is None:
        raise SystemExit("no salt gives a suitable case: choose other ranges")
    _, single, noisy, inputs, golden, maps = best
    print(
        f"| {case_name(shape, calm)} | {single[0]:.1e} | {noisy[0]:.1e} | {single[1]:.1e} | {noisy[1]:.1e} |",
        flush=True,
    )
    return inputs, golden, maps


def case_name(shape, calm):
    return (
        f"size{shape.input_size}-classes{shape.classes}{'-batchnorm' if shape.batch_norm else ''}{'-calm' if calm else ''}"
    )


def golden_case(shape, calm, salts):
    inputs, (loss, scores, first, second_loss, details, second), maps = choose(shape, calm, salts)
    foreground = []
    for (example, label), value in sorted(maps["foreground"].items()):
        if sum(entry["example"] == example for entry in foreground) < MAPS_PER_EXAMPLE:
            foreground.append({"example": example, "class": label, **summary(value)})
    return {
        "network": {
            "width": shape.width,
            "inputSize": shape.input_size,
            "classes": shape.classes,
            "batchNorm": shape.batch_norm,
        },
        "examples": EXAMPLES,
        "salt": inputs.salt,
        "parameters": [
            {"name": name, "shape": list(inputs.dimensions[name]), "center": center, "amplitude": amplitude}
            for name, (center, amplitude) in sorted(inputs.ranges.items())
        ],
        "classification": {
            "loss": float(loss),
            "scores": scores.detach().flatten().tolist(),
            "gradients": named_gradients(first, shape.batch_norm),
        },
        "segmentation": {
            "loss": float(second_loss),
            "countedPixels": details["pixels"],
            "maxScores": details["max_scores"].flatten().tolist(),
            "pool5": summary(details["pool5"]),
            "saliency": summary(details["saliency"]),
            "scores": summary(details["scores"]),
            "gradients": named_gradients(second, shape.batch_norm),
        },
        "inference": {
            "averageScores": maps["average_scores"].flatten().tolist(),
            "maxScores": maps["max_scores"].flatten().tolist(),
            "background": summary(maps["background"]),
            "foreground": foreground,
        },
    }


def weakness_of(inputs, golden, maps):
    """Returns why a case would let an error pass (a label without saliency, a dead layer, a flat map), or None."""
    shape, details = inputs.shape, golden[4]
    net = DecoupledNet(inputs.parameters, shape.batch_norm)
    for label in range(shape.classes):
        seeds = torch.zeros(EXAMPLES, shape.classes, dtype=torch.float64)
        seeds[:, label] = 1
        saliency, _, _ = net.saliency(details["pool5"], seeds)
        if (saliency.flatten(1).norm(dim=1) == 0).any():
            return f"class {label} has no saliency"
    for phase in (2, 5):
        for name, value in golden[phase].items():
            if not has_zero_gradient(name, shape.batch_norm) and not value.norm() > 0:
                return f"{name} has no gradient"
    present = maps["present"]
    if not 0.1 < float(present.double().mean()) < 0.9:
        return "nearly all or nearly none of the classes are present"
    if (maps["average_scores"].abs() < 1e-3).any():
        return "an average score is too close to the threshold"
    if not 0.05 < float(maps["background"].std()) < 0.45:
        return f"the background map is flat or saturated (deviation {float(maps['background'].std()):.3g})"
    return None


def text(value, depth=0):
    """Formats JSON with all digits of each float64 and one parameter or gradient per line, for readable diffs."""
    pad = " " * (depth + 1)
    if isinstance(value, dict) and depth < 2:
        parts = [f"{pad}{json.dumps(key)}: {text(part, depth + 1)}" for key, part in value.items()]
        return "{\n" + ",\n".join(parts) + "\n" + " " * depth + "}"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(pad + json.dumps(part) for part in value) + "\n" + " " * depth + "]"
    return json.dumps(value)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    root = pathlib.Path(__file__).resolve().parents[2]
    arguments.add_argument("--output", type=pathlib.Path, default=root / "Tests/ModelsTests/Golden")
    arguments.add_argument("--search", type=int, metavar="N", help="try salts 0...N-1 and keep the least sensitive")
    arguments.add_argument("--only", help="one case, by its file's name without .json")
    options = arguments.parse_args()
    torch.set_num_threads(1)
    options.output.mkdir(parents=True, exist_ok=True)
    for size, classes, batch_norm, calm, salt in CASES:
        shape = Shape(1 / 16, size, classes, batch_norm)
        name = case_name(shape, calm)
        if options.only in (None, name):
            salts = range(options.search) if options.search else [salt]
            (options.output / f"{name}.json").write_text(text(golden_case(shape, calm, salts)) + "\n")


if __name__ == "__main__":
    main()
