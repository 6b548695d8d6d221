#!/usr/bin/env python3
"""Compares the step times of two builds of dnet in interleaved rounds.

    docs/benchmarks/versions.py OTHER_CHECKOUT [--rounds 15] [-- BENCH OPTIONS]

Each round runs `dnet bench --only steps` of the other checkout, of this one, and of the other one
again. The ratio of this build's time to the other's is printed for every step, with the ratio of
the other build to itself as the noise of the machine. Run it on a quiet machine.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile

parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("other", type=pathlib.Path, help="a checkout with a finished build")
parser.add_argument("--rounds", type=int, default=15)
parser.add_argument("options", nargs="*", help="options of dnet bench, after --")
arguments = parser.parse_intermixed_args()
here = pathlib.Path(__file__).resolve().parents[2]
steps = ["classification_step", "segmentation_step", "inference"]


def seconds_per_image(checkout):
    with tempfile.TemporaryDirectory() as folder:
        report = os.path.join(folder, "bench.json")
        command = [str(checkout / ".build/release/dnet"), "bench", "--only", "steps", "--json", report]
        subprocess.run(command + arguments.options, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(report) as file:
            figures = json.load(file)
    return {step: 1 / figures[f"{step}_images_per_second"] for step in steps}


ratios = {step: [] for step in steps}
noise = {step: [] for step in steps}
for number in range(arguments.rounds):
    other, this, again = (seconds_per_image(checkout) for checkout in (arguments.other, here, arguments.other))
    for step in steps:
        # The two runs of the other build enclose this one, so a drift of the machine cancels.
        ratios[step].append(2 * this[step] / (other[step] + again[step]))
        noise[step].append(again[step] / other[step])
    print(f"round {number + 1}: " + "  ".join(f"{step} {ratios[step][-1]:.4f}" for step in steps), flush=True)


def summary(values):
    quartiles = statistics.quantiles(values, n=4)
    return f"{statistics.median(values):.4f} ({quartiles[0]:.4f} to {quartiles[2]:.4f})"


print(f"{'step':22}{'this / other, median (quartiles)':36}other / other")
for step in steps:
    print(f"{step:22}{summary(ratios[step]):36}{summary(noise[step])}")
