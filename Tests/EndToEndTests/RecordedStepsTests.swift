// --record-steps: what stands in the files, and PyTorch's opinion of it.
//   B examples of a minibatch   H, W input side   L classes
import Checkpoints
import Foundation
import Compute
import Testing

extension EndToEnd {
  @Suite(.serialized) struct RecordedStepsTests {
    static let inputs: Set<String> = ["images", "labels", "masks", "loss"]

    /// The digest of the parameters alone.
    private func digest(_ tensors: StoredTensors) -> String {
      WeightsDigest.hex(of: tensors.namedTensors.filter { !Self.inputs.contains($0.name) })
    }

    @Test func filesHoldWhatTheNetworkSawAndDid() throws {
      let workplace = try Workplace()
      try workplace.train("run", ranks: 2, ["--record-steps", "2"])
      #expect(try workplace.summary("run").weightsDigest == Workplace.digest.get(), "recording changed the weights")
      let names = ["classification", "segmentation"].flatMap { phase in
        (0...2).map { "\(phase)-00000\($0).safetensors" }
      }
      #expect(Set(workplace.contents("run/steps").keys) == Set(names))
      let (minibatch, side, classes) = (16, 64, 3)
      let losses = Dictionary(
        uniqueKeysWithValues: workplace.metrics("run").map {
          ("\($0.phase)-00000\($0.iteration).safetensors", Float($0.loss))
        })
      for name in names {
        let tensors = try workplace.weights("run/steps/\(name)")
        let found = Set(tensors.entries.map(\.name)).intersection(Self.inputs)
        guard !name.contains("000000") else {
          #expect(found.isEmpty, "\(name)")
          continue
        }
        let isSegmentation = name.hasPrefix("segmentation")
        #expect(found == (isSegmentation ? Self.inputs : Self.inputs.subtracting(["masks"])), "\(name)")
        #expect(tensors.entry("images")?.shape == [minibatch, 3, side, side])
        #expect(tensors.entry("labels")?.shape == [minibatch, classes])
        #expect(tensors.entry("loss")?.shape == [1])
        #expect(tensors["loss"]?.values[0] == losses[name])
        let labels = Array(try #require(tensors["labels"]).values)
        #expect(labels.allSatisfy { $0 == 0 || $0 == 1 } && labels.contains(1))
        // Blue, green, red less their means: within the range, and not of one sign.
        let images = Array(try #require(tensors["images"]).values)
        #expect(
          images.allSatisfy { $0 > -123 && $0 < 152 } && images.contains { $0 > 1 } && images.contains { $0 < -1 })
        if isSegmentation {
          let entry = try #require(tensors.entry("masks"))
          #expect(entry.shape == [minibatch, side, side] && entry.element == .uint8)
          let values = Set(try #require(tensors.bytes("masks")))
          #expect(values.isSubset(of: [0, 1, 255]) && values.isSuperset(of: [0, 1]), "\(values)")
        }
      }
      // The parameters after a step are those of a run that stops there.
      for (iterations, step, checkpoint) in [
        (1, "classification-000001", "classification-000001"), (4, "segmentation-000000", "classification-000004"),
        (5, "segmentation-000001", "segmentation-000001"),
      ] {
        try workplace.train("stopped", ranks: 1, ["--stop-after", "\(iterations)"])
        let stopped = try workplace.weights("stopped/checkpoints/\(checkpoint)/weights.safetensors.zst")
        #expect(digest(try workplace.weights("run/steps/\(step).safetensors")) == digest(stopped), "\(step)")
      }
      let steps = try names.map { digest(try workplace.weights("run/steps/\($0)")) }
      #expect(Set(steps).count == steps.count, "some step changed nothing: \(steps)")
      // Shard after shard, whoever held it.
      try workplace.train("three", ranks: 3, ["--record-steps", "2"])
      #expect(workplace.contents("three/steps") == workplace.contents("run/steps"))
    }

    /// docs/golden/replay_steps.py repeats the steps in PyTorch, with the python of DNET_PYTHON or python3.
    @Test func pyTorchRepeatsTheSteps() throws {
      let python = ProcessInfo.processInfo.environment["DNET_PYTHON"] ?? "python3"
      let workplace = try Workplace()
      guard try Job([python, "-c", "import torch, safetensors, yaml"], in: workplace.path).wait().status == 0 else {
        print(
          "SKIPPED \(#function): \(python) has no torch, safetensors and yaml; set DNET_PYTHON to a python that has them"
        )
        return
      }
      // Without dropout, whose draws no other framework can repeat.
      try workplace.train("run", ranks: 2, set: ["classification.dropout=0"], ["--record-steps", "2"])
      let replay = Commands.repository + "/docs/golden/replay_steps.py"
      let outcome = try Job([python, replay, "run"], in: workplace.path).wait(limit: 120)
      #expect(outcome.status == 0, "\(outcome.output)")
      #expect(outcome.lines.count { $0.contains(" step ") } == 4, "\(outcome.output)")
    }
  }
}
