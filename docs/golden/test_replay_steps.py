"""Tests of replay_steps.py on a small run made with torch.optim.SGD: it accepts a correct run and finds errors.

    python -m unittest discover -s docs/golden
"""

import pathlib
import subprocess
import sys
import tempfile
import unittest

import torch
import yaml
from safetensors.torch import load_file, save_file

from decouplednet import DecoupledNet, Shape, trained_names
from make_golden import Inputs

HERE = pathlib.Path(__file__).resolve().parent
SETTINGS = {
    "iterations": 2,
    "learningRate": {"base": 0.001, "step": 1000, "gamma": 0.1},
    "momentum": 0.9,
    "weightDecay": 0.0005,
    "dropout": 0,
}


def make_run(folder, batch_norm):
    """Makes two steps of both phases with two shards of four, recorded as dnet-train records them."""
    shape = Shape(1 / 16, 64, 5, batch_norm)
    shards = [Inputs(shape, "shard-0", calm=True), Inputs(shape, "shard-1", calm=True)]
    shards[0].calibrate()
    parameters = {name: value.float().clone() for name, value in shards[0].parameters.items()}
    images, labels, masks = (torch.cat([getattr(s, part) for s in shards]) for part in ("images", "labels", "masks"))
    images, labels = images.float(), labels.float()
    (folder / "steps").mkdir()
    (folder / "config.yaml").write_text(
        yaml.safe_dump({"minibatch": {"shardSize": 4}, "classification": SETTINGS, "segmentation": SETTINGS})
    )
    for phase in ("classification", "segmentation"):
        kept = [name for name in parameters if not (phase == "classification" and not name.startswith(phase))]
        plain = lambda: {name: parameters[name].detach().clone() for name in kept}
        save_file(plain(), folder / "steps" / f"{phase}-000000.safetensors")
        groups = []
        for name in trained_names(parameters, phase):
            parameters[name].requires_grad_(True)
            factor, decay = (2, 0) if name.endswith("bias") else (1, 0.0005)
            factor *= 10 if "classification.score" in name else 1
            groups.append({"params": [parameters[name]], "lr": 0.001 * factor, "weight_decay": decay})
        optimizer = torch.optim.SGD(groups, momentum=0.9)
        for step in (1, 2):
            optimizer.zero_grad()
            loss = 0
            for part in (slice(0, 4), slice(4, 8)):
                net = DecoupledNet(parameters, batch_norm)
                if phase == "classification":
                    loss = loss + net.classification_loss(images[part], labels[part])[0] / 2
                else:
                    loss = loss + net.segmentation_loss(images[part], labels[part], masks[part])[0] / 2
            loss.backward()
            optimizer.step()
            recorded = {"images": images, "labels": labels, "loss": loss.detach().reshape(1), **plain()}
            if phase == "segmentation":
                recorded["masks"] = masks
            save_file(recorded, folder / "steps" / f"{phase}-{step:06d}.safetensors")
        for name in trained_names(parameters, phase):
            parameters[name].requires_grad_(False)


class ReplayTests(unittest.TestCase):
    def replay(self, folder, *options):
        return subprocess.run(
            [sys.executable, HERE / "replay_steps.py", folder, *options], capture_output=True, text=True
        )

    def test_accepts_a_right_run(self):
        for batch_norm in (False, True):
            with tempfile.TemporaryDirectory() as name, self.subTest(batch_norm=batch_norm):
                make_run(pathlib.Path(name), batch_norm)
                result = self.replay(name)
                self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
                self.assertEqual(result.stdout.count("step"), 4)

    def test_finds_frozen_parameters_in_the_classification_phase(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            make_run(folder, False)
            for file in (folder / "steps").glob("segmentation-*"):
                save_file({n: v for n, v in load_file(file).items() if not n.startswith("classification.")}, file)
            result = self.replay(name)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_notices_wrong_runs(self):
        def halve_score_bias(before, after):
            name = "classification.score.bias"
            after[name] = (before[name] + after[name]) / 2

        def forget_shift(before, after):
            name = "segmentation.deconv1_2.bn.shift"
            after[name] = before[name]

        def move_frozen(before, after):
            after["classification.fc6.bias"] += 1e-3

        def wrong_loss(before, after):
            after["loss"] *= 1.001

        for phase, change in (
            ("classification", halve_score_bias),
            ("segmentation", forget_shift),
            ("segmentation", move_frozen),
            ("segmentation", wrong_loss),
        ):
            with tempfile.TemporaryDirectory() as name, self.subTest(change=change.__name__):
                folder = pathlib.Path(name)
                make_run(folder, False)
                file = folder / "steps" / f"{phase}-000002.safetensors"
                after = load_file(file)
                change(load_file(folder / "steps" / f"{phase}-000001.safetensors"), after)
                save_file(after, file)
                result = self.replay(name)
                self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
                self.assertIn("ABOVE TOLERANCE", result.stdout)


if __name__ == "__main__":
    torch.set_num_threads(1)
    unittest.main()
