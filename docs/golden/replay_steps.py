"""Repeats recorded training steps in PyTorch and compares losses and weights.

    dnet-train CONFIG --output RUN --record-steps 3 --set classification.dropout=0
    python docs/golden/replay_steps.py RUN [--phase PHASE] [--float32] [--loss 1e-4] [--update 1e-2] [--worst 1e-1]

The script reads config.yaml (rates, momentum, weight decay, shard size) and steps/PHASE-00000k.safetensors of the run. The
shape of the network follows from the shapes of the parameters. Step k starts from the recorded weights of step k-1, so
that errors do not accumulate; only the momentum buffer is computed from PyTorch's own gradients throughout. Each shard goes
through the network by itself, since batch normalization is over one shard.

It prints one line per step and exits with 1 if a value is above its tolerance.
"""

import argparse
import math
import pathlib
import re
import sys

import torch
import yaml
from safetensors.torch import load_file

from decouplednet import DecoupledNet, gradients, has_zero_gradient, is_statistic, trained_names

PHASES = ("classification", "segmentation")
INPUTS = ("images", "labels", "masks", "loss")
# Half a unit in the last place of a float32 weight, relative: a smaller update does not change the weight.
ROUNDING = 2.0**-24


def multipliers(name, settings):
    """Returns the (rate, decay) multipliers of a parameter as in the authors' prototxt files: 10 and 20 for the score
    layer, unless classification.scoreRateMultiplier of the run differs."""
    rate, decay = (2.0, 0.0) if name.endswith(".bias") else (1.0, 1.0)
    if name.startswith("classification.score."):
        rate *= float(settings.get("scoreRateMultiplier", 10))
    return rate, decay


class Run:
    """The recorded files and the configuration of one run."""

    def __init__(self, folder):
        self.folder = folder
        self.configuration = yaml.safe_load((folder / "config.yaml").read_text())
        self.shard_size = int(self.configuration.get("minibatch", {}).get("shardSize", 4))

    def steps(self, phase):
        """Returns the files by step number; 0 is the start of the phase."""
        found = {}
        for file in (self.folder / "steps").glob(f"{phase}-*.safetensors"):
            if match := re.fullmatch(phase + r"-(\d+)", file.stem):
                found[int(match[1])] = file
        return found

    def phase(self, phase):
        settings = self.configuration[phase]
        if float(settings.get("dropout") or 0) != 0:
            raise SystemExit(f"{phase}.dropout is {settings['dropout']}: record with dropout 0, since its random draws cannot be repeated")
        return settings

    def frozen(self, explicit):
        """Returns the frozen classification network, for segmentation files that do not contain it."""
        if explicit:
            return load_file(explicit)
        steps = self.steps("classification")
        return load_file(steps[max(steps)]) if steps else {}


def rate_at(settings, iteration):
    """Returns base * gamma^floor(iteration / step), counting iterations from 0; without a step the rate is constant.

    Older runs call gamma `factor`."""
    rate = settings["learningRate"]
    step = int(rate.get("step") or 0)
    return float(rate["base"]) * float(rate.get("gamma", rate.get("factor", 1))) ** (iteration // step if step else 0)


def mean_gradients(phase, parameters, recorded, shard_size, dtype):
    """Returns (mean loss, mean gradients) over the shards of a recorded minibatch, each shard by itself."""
    names = trained_names(parameters, phase)
    values = {name: tensor.to(dtype, copy=True) for name, tensor in parameters.items()}
    for name in names:
        values[name].requires_grad_(True)
    net = DecoupledNet(values, "classification.conv1_1.bn.scale" in values)
    examples = recorded["images"].shape[0]
    if examples % shard_size:
        raise SystemExit(f"{examples} recorded examples are not a multiple of the shard size {shard_size}")
    sums, total = {name: torch.zeros_like(values[name]) for name in names}, 0.0
    shards = examples // shard_size
    for shard in range(shards):
        part = slice(shard * shard_size, (shard + 1) * shard_size)
        images, labels = recorded["images"][part].to(dtype), recorded["labels"][part].to(dtype)
        if phase == "classification":
            loss, _ = net.classification_loss(images, labels)
        else:
            loss, _ = net.segmentation_loss(images, labels, recorded["masks"][part])
        total += float(loss.detach())
        if loss.requires_grad:
            for name, gradient in gradients(loss, values, names).items():
                sums[name] += gradient
    return total / shards, {name: value.detach() / shards for name, value in sums.items()}


def update_error(recorded, ours, update):
    """Returns the norms of the difference between recorded weights and ours beyond float32 rounding, and of the update."""
    difference = (recorded.double() - ours.double()).abs() - 2 * ROUNDING * ours.double().abs()
    return float(difference.clamp(min=0).norm()), float(update.double().norm())


def float32_spread(phase, parameters, recorded, shard_size, exact):
    """Returns the relative distance of PyTorch's float32 gradient from `exact`. It is large where a pooling index flips,
    which is not an error."""
    _, single = mean_gradients(phase, parameters, recorded, shard_size, torch.float32)
    difference = sum(float((single[name].double() - exact[name]).norm()) ** 2 for name in exact)
    return math.sqrt(difference / sum(float(value.norm()) ** 2 for value in exact.values()))


def replay(run, phase, options):
    """Compares all recorded steps of a phase. Returns true if all are within tolerance, and None without any step."""
    files = run.steps(phase)
    if not files:
        return None
    if 0 not in files or sorted(files) != list(range(len(files))):
        raise SystemExit(f"{phase}: the recorded steps are {sorted(files)}; they must run from 0 without a gap")
    settings = run.phase(phase)
    dtype = torch.float32 if options.float32 else torch.float64
    decay, momentum = float(settings["weightDecay"]), float(settings["momentum"])
    before = {name: value for name, value in load_file(files[0]).items() if name not in INPUTS}
    frozen = {}
    if phase == "segmentation" and "classification.conv1_1.weight" not in before:
        frozen = {name: value for name, value in run.frozen(options.frozen).items() if name.startswith("classification.")}
        if not frozen:
            raise SystemExit("the segmentation files lack the classification network: give it with --frozen FILE")
    batch_norm = "classification.conv1_1.bn.scale" in {**frozen, **before}
    if phase == "segmentation" and batch_norm and "classification.conv1_1.bn.mean" not in {**frozen, **before}:
        raise SystemExit("the statistics of the classification network are not recorded: give them with --frozen FILE")

    momentum_buffer, good = {}, True
    for step in range(1, len(files)):
        recorded = load_file(files[step])
        rate = rate_at(settings, step - 1)
        loss, mean = mean_gradients(phase, {**frozen, **before}, recorded, run.shard_size, dtype)
        error_squares = update_squares = 0.0
        worst = (0.0, "none")
        for name, gradient in mean.items():
            if name not in recorded:
                raise SystemExit(f"{files[step].name} lacks {name}")
            rate_multiplier, decay_multiplier = multipliers(name, settings)
            weights = before[name].to(dtype)
            direction = gradient + decay * decay_multiplier * weights
            previous = momentum_buffer.get(name, torch.zeros_like(weights))
            momentum_buffer[name] = momentum * previous + rate * rate_multiplier * direction
            error, size = update_error(recorded[name], weights - momentum_buffer[name], momentum_buffer[name])
            error_squares += error**2
            update_squares += size**2
            if not has_zero_gradient(name, batch_norm) and size > 0:
                worst = max(worst, (error / size, name))
        moved = [
            name
            for name, value in recorded.items()
            if name not in INPUTS and name not in mean and not is_statistic(name)
            and name in before and not torch.equal(value, before[name])
        ]
        recorded_loss = float(recorded["loss"].flatten()[0])
        loss_error = abs(recorded_loss - loss) / max(abs(loss), 1e-30)
        update = math.sqrt(error_squares) / math.sqrt(update_squares) if update_squares else math.inf
        fine = loss_error <= options.loss and update <= options.update and worst[0] <= options.worst and not moved
        good &= fine
        print(
            f"{phase} step {step}: rate {rate:g}, loss {recorded_loss:.7g} / {loss:.7g} (off by {loss_error:.1e}), "
            f"update off by {update:.1e}, worst {worst[0]:.1e} ({worst[1]}){'' if fine else '  ABOVE TOLERANCE'}"
            + (f"; frozen but moved: {', '.join(moved[:3])}" if moved else ""),
            flush=True,
        )
        if not fine and not options.float32:
            spread = float32_spread(phase, {**frozen, **before}, recorded, run.shard_size, mean)
            print(f"  PyTorch's own float32 is {spread:.1e} from its float64 in this step's gradient", flush=True)
        before = {name: value for name, value in {**before, **recorded}.items() if name not in INPUTS}
    return good


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("run", type=pathlib.Path)
    arguments.add_argument("--phase", choices=PHASES, help="replay one phase only")
    arguments.add_argument("--float32", action="store_true", help="compute in float32: half the memory, and PyTorch's own rounding")
    arguments.add_argument("--frozen", type=pathlib.Path, help="safetensors file with the classification network")
    arguments.add_argument("--loss", type=float, default=1e-4, help="tolerance of the loss, relative")
    arguments.add_argument("--update", type=float, default=1e-2, help="tolerance of the whole update, relative")
    arguments.add_argument("--worst", type=float, default=1e-1, help="tolerance of each parameter's update, relative")
    arguments.add_argument("--threads", type=int, default=1)
    options = arguments.parse_args()
    torch.set_num_threads(options.threads)
    run = Run(options.run)
    results = [replay(run, phase, options) for phase in ([options.phase] if options.phase else PHASES)]
    compared = [result for result in results if result is not None]
    if not compared:
        raise SystemExit(f"no recorded steps under {options.run}/steps: run dnet-train with --record-steps")
    sys.exit(0 if all(compared) else 1)


if __name__ == "__main__":
    main()
