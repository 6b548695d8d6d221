// Tests of `--record-steps`: the contents of the files, and a replay of the steps in PyTorch.
import Checkpoints
import Compute
import Foundation
import Testing

extension EndToEnd {
  @Suite(.serialized) struct RecordedStepsTests {
    static let inputs: Set<String> = ["images", "labels", "masks", "loss"]

    /// The digest of the parameters, without the inputs.
    private func digest(_ tensors: StoredTensors) -> String {
      WeightsDigest.hex(of: tensors.namedTensors.filter { !Self.inputs.contains($0.name) })
    }

    @Test("`--record-steps` writes the inputs, the loss and the weights of each step.")
    func filesContainInputsAndWeights() throws {
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
        // Blue, green and red minus their means: within the range, and of both signs.
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
      // The parameters after a step equal those of a run that stops there.
      for (iterations, step, checkpoint) in [
        (1, "classification-000001", "classification-000001"), (4, "segmentation-000000", "classification-000004"),
        (5, "segmentation-000001", "segmentation-000001"),
      ] {
        try workplace.train("stopped", ranks: 1, ["--max-iterations", "\(iterations)"])
        let stopped = try workplace.weights("stopped/checkpoints/\(checkpoint)/weights.safetensors.zst")
        #expect(digest(try workplace.weights("run/steps/\(step).safetensors")) == digest(stopped), "\(step)")
      }
      let steps = try names.map { digest(try workplace.weights("run/steps/\($0)")) }
      #expect(Set(steps).count == steps.count, "some step changed nothing: \(steps)")
      // The order of the shards does not depend on the number of ranks.
      try workplace.train("three", ranks: 3, ["--record-steps", "2"])
      #expect(workplace.contents("three/steps") == workplace.contents("run/steps"))
    }

    /// The Python interpreter for the replay.
    static let python = ProcessInfo.processInfo.environment["DNET_PYTHON"] ?? "python3"

    /// True if the interpreter has the modules that the replay imports.
    static let canReplay: Bool = {
      let job = try? Job([python, "-c", "import torch, safetensors, yaml"], in: NSTemporaryDirectory())
      return job?.wait().status == 0
    }()

    @Test(
      "docs/golden/replay_steps.py repeats the steps in PyTorch.",
      .enabled(
        if: RecordedStepsTests.canReplay,
        "SKIPPED: python3 lacks torch, safetensors or yaml; set DNET_PYTHON to an interpreter that has them"))
    func pyTorchRepeatsTheSteps() throws {
      let workplace = try Workplace()
      // Without dropout, since its random draws cannot be repeated in another framework.
      try workplace.train("run", ranks: 2, set: ["classification.dropout=0"], ["--record-steps", "2"])
      let replay = Commands.repository + "/docs/golden/replay_steps.py"
      let outcome = try Job([Self.python, replay, "run"], in: workplace.path).wait(limit: 120)
      #expect(outcome.status == 0, "\(outcome.output)")
      #expect(outcome.lines.count { $0.contains(" step ") } == 4, "\(outcome.output)")
    }
  }
}
