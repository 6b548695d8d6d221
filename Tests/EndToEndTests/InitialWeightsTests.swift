// Tests of `--initial-weights`: weights from a file instead of random ones.
import Checkpoints
import Compute
import Foundation
import Testing

extension EndToEnd {
  @Suite(.serialized) struct InitialWeightsTests {
    private func save(_ tensors: [NamedTensor], to name: String, _ workplace: Workplace) throws {
      try WeightsFile.write(tensors, to: URL(fileURLWithPath: workplace.file(name)))
    }

    private func bytes(_ tensors: StoredTensors, _ name: String) -> [UInt8] {
      tensors.bytes(name).map { Array($0) } ?? []
    }

    @Test("A whole model, plain or compressed, sets all parameters.")
    func wholeModel() throws {
      let workplace = try Workplace()
      try workplace.train("first", ranks: 2)
      let model = try workplace.weights("first/model.safetensors.zst")
      try save(model.namedTensors, to: "plain.safetensors", workplace)
      for (run, file) in [("zstd", "first/model.safetensors.zst"), ("plain", "plain.safetensors")] {
        let outcome = try workplace.train(
          run, ranks: 2, set: ["seed=5"], ["--initial-weights", file, "--record-steps", "1"])
        #expect(outcome.output.contains("sets \(model.entries.count) parameters and leaves 0"), "\(outcome.output)")
        let start = try workplace.weights("\(run)/steps/classification-000000.safetensors")
        #expect(WeightsDigest.hex(of: start.namedTensors) == WeightsDigest.hex(of: model.namedTensors))
      }
      #expect(try workplace.summary("zstd").weightsDigest == workplace.summary("plain").weightsDigest)
      #expect(try workplace.summary("zstd").weightsDigest != workplace.summary("first").weightsDigest)
    }

    @Test("A trained classification network is enough for the segmentation phase.")
    func classificationNetworkStartsTheSegmentationPhase() throws {
      let workplace = try Workplace()
      try workplace.train("first", ranks: 2, ["--phase", "classification"])
      let trained = try workplace.weights("first/checkpoints/classification-000004/weights.safetensors.zst")
      let part = trained.namedTensors.filter { $0.name.hasPrefix("classification.") }
      try save(part, to: "classification.safetensors.zst", workplace)
      let arguments = ["--phase", "segmentation", "--initial-weights", "classification.safetensors.zst"]
      try workplace.train("second", ranks: 3, arguments)
      #expect(try workplace.summary("second").weightsDigest == Workplace.digest.get())
    }

    @Test("A partial model sets its parameters, and the others are listed and drawn.")
    func partialModel() throws {
      let workplace = try Workplace()
      try workplace.train("first", ranks: 2, ["--max-iterations", "1", "--record-steps", "1"])
      let drawn = try workplace.weights("first/steps/classification-000000.safetensors")
      let later = try workplace.weights("first/steps/classification-000001.safetensors")
      let part = later.namedTensors.filter { $0.name.hasPrefix("classification.conv") }
      try save(part, to: "part.safetensors.zst", workplace)
      let outcome = try workplace.train(
        "second", ranks: 2,
        ["--initial-weights", "part.safetensors.zst", "--max-iterations", "1", "--record-steps", "1"])
      let left = drawn.entries.map(\.name).filter { !$0.hasPrefix("classification.conv") }
      #expect(outcome.output.contains("sets \(part.count) parameters and leaves \(left.count)"), "\(outcome.output)")
      #expect(Set(outcome.lines.filter { $0.hasPrefix("  left: ") }) == Set(left.map { "  left: \($0)" }))
      let start = try workplace.weights("second/steps/classification-000000.safetensors")
      for name in drawn.entries.map(\.name) {
        let source = name.hasPrefix("classification.conv") ? later : drawn
        #expect(bytes(start, name) == bytes(source, name), "\(name)")
      }
    }

    @Test("Weights that do not match the network are refused before anything is written.")
    func mismatchesAreRefused() throws {
      let workplace = try Workplace()
      try workplace.train("narrow", ranks: 2, ["--max-iterations", "1"])
      let narrow = "narrow/checkpoints/classification-000001/weights.safetensors.zst"
      var stranger = [Float](repeating: 1, count: 6)
      try stranger.withUnsafeMutableBufferPointer {
        try save(
          [NamedTensor(name: "features.0.weight", shape: [2, 3], values: UnsafeBufferPointer($0), owner: workplace)],
          to: "stranger.safetensors", workplace)
      }
      let files = [
        (narrow, ["classification.conv3_1.weight", "16x16x3x3", "32x16x3x3", "network.width"]),
        ("stranger.safetensors", ["features.0.weight", "classification.conv1_1.weight", "dnet model import"]),
        ("nowhere.safetensors", ["nowhere.safetensors", "No such file"]),
        ("data/ImageSets/Segmentation/train.txt", ["train.txt", "safetensors"]),
      ]
      try Refusal.expect(
        files.flatMap { file, words in
          [nil, 2].map { ranks in
            Refusal(name: file, words: words) {
              try workplace.startTraining(
                "wide", ranks: ranks, set: ["network.width=0.125"], ["--initial-weights", file])
            }
          }
        })
      #expect(!workplace.exists("wide/config.yaml"), "something was written")
    }
  }
}
