// Tests of a second model, which a program outside the sources registers (Tests/fcn-tiny): training on several ranks,
// checkpoints, resuming, verification, evaluation, inference, the benchmark, the dry run, strict configuration, and the
// refusal of the model by programs that do not register it.
import Checkpoints
import Foundation
import Images
import Support
import Testing
import Training

extension EndToEnd {
  @Suite struct SecondModelTests {
    private static let configuration = """
      name: fcn
      network: {model: fcn-tiny, width: 0.0625, inputSize: 64, classes: 3, batchNormalization: true, initialization: he}
      data: {root: data}
      minibatch: {shards: 4, shardSize: 2}
      pixels: {iterations: 12, learningRate: {base: 0.05}}
      batchNormalization: {calibrationShards: 5}
      checkpoint: {every: 4}
      verify: {every: 2}

      """

    private func workplace() throws -> Workplace {
      let workplace = try Workplace()
      try Self.configuration.write(toFile: workplace.file("fcn.yaml"), atomically: true, encoding: .utf8)
      return workplace
    }

    @discardableResult
    private func train(
      _ workplace: Workplace, _ run: String, ranks: Int?, _ options: [String] = [], status: Int32 = 0
    ) throws -> Outcome {
      let outcome = try workplace.start("fcn-tiny", ranks: ranks, ["fcn.yaml", "--output", run] + options).wait()
      #expect(outcome.status == status, "\(outcome.output)")
      return outcome
    }

    @Test("The weights are the same for any number of ranks, and for a run that was stopped and resumed.")
    func digestsAreEqual() throws {
      let workplace = try workplace()
      try train(workplace, "alone", ranks: nil)
      let digest = try workplace.summary("alone").weightsDigest
      for ranks in [2, 3, 4] {
        try train(workplace, "ranks-\(ranks)", ranks: ranks)
        #expect(try workplace.summary("ranks-\(ranks)").weightsDigest == digest, "\(ranks) ranks")
      }
      try train(workplace, "resumed", ranks: 3, ["--max-iterations", "6"])
      #expect(try workplace.summary("resumed").exitReason == "stop-after")
      try train(workplace, "resumed", ranks: 2)
      #expect(try workplace.summary("resumed").weightsDigest == digest)
      #expect(workplace.iterations("resumed") == (1...12).map { "pixels \($0)" })
      #expect(workplace.checkpoints("resumed").contains("pixels-000012"))

      let losses = workplace.metrics("alone").map(\.loss)
      #expect(losses[9...].max()! < losses[0], "the loss does not fall: \(losses)")
    }

    @Test("The commands of dnet verify, evaluate, measure and use the model as they do with any other.")
    func commands() throws {
      let workplace = try workplace()
      try train(workplace, "run", ranks: 2, ["--max-iterations", "6"])
      @discardableResult func dnet(_ arguments: [String], ranks: Int? = nil) throws -> Outcome {
        let outcome = try workplace.start("fcn-tiny", ranks: ranks, ["dnet"] + arguments).wait()
        #expect(outcome.status == 0, "\(outcome.output)")
        return outcome
      }
      let verified = try dnet(["verify", "run"], ranks: 3)
      #expect(verified.output.contains("6 iterations agree"), "\(verified.output)")

      let photograph = try "data/JPEGImages/\(workplace.ids()[0]).jpg"
      let image = try Photograph.decode(file: workplace.file(photograph))
      try dnet(["predict", "run", photograph, "--output", "masks"])
      let name = URL(fileURLWithPath: photograph).deletingPathExtension().lastPathComponent
      let mask = try PNG.decodeIndices(file: workplace.file("masks/\(name).png"))
      #expect(mask.width == image.width && mask.height == image.height)
      #expect(mask.indices.allSatisfy { $0 <= 3 })

      let list = ["--list", "ImageSets/Segmentation/trainval.txt"]
      let reports = try [nil, 2].map { ranks in
        try dnet(["evaluate", "run", "--data", "data", "--json", "\(ranks ?? 1).json"] + list, ranks: ranks)
        return try workplace.read("\(ranks ?? 1).json")
      }
      #expect(reports[0] == reports[1], "the report depends on the number of ranks")

      let bench = try dnet([
        "bench", "--model", "fcn-tiny", "--width", "0.0625", "--size", "64", "--repeats", "1", "--json", "bench.json",
      ])
      #expect(bench.output.contains("pixels") && bench.output.contains("conv5_3"), "\(bench.output)")
    }

    @Test("The model's phases define its configuration keys and its --phase values.")
    func strictConfiguration() throws {
      let workplace = try workplace()
      let refusals: [([String], [String])] = [
        (["--set", "classification.iterations=3"], ["classification.iterations", "pixels.iterations"]),
        (["--set", "network.model=vgg"], ["network.model is vgg", "decouplednet | fcn-tiny"]),
        (["--phase", "segmentation"], ["--phase is segmentation", "pixels | all"]),
      ]
      for (options, texts) in refusals {
        let outcome = try train(workplace, "refused", ranks: 2, options, status: 1)
        #expect(outcome.complaints.count == 1, "\(outcome.output)")
        for text in texts { #expect(outcome.complaints.first?.contains(text) == true, "\(outcome.output)") }
      }
      // dnet-train itself does not register the model.
      let outcome = try workplace.start("dnet-train", ["fcn.yaml", "--output", "refused"]).wait()
      #expect(outcome.status == 1 && outcome.output.contains("network.model is fcn-tiny: it takes decouplednet"))
    }

    @Test("The dry run lists the model's layers, its phase and the memory of each rank.")
    func dryRun() throws {
      let workplace = try workplace()
      let outcome = try train(workplace, "dry", ranks: 2, ["--dry-run"])
      #expect(outcome.output.contains("network: fcn-tiny, 64 x 64, fcn: 20 layers"), "\(outcome.output)")
      #expect(outcome.output.contains("pixels: 12 iterations of 8, 65988 parameters"), "\(outcome.output)")
      #expect(!FileManager.default.fileExists(atPath: workplace.file("dry")))
    }

    @Test("The manifest names the model and its phase, and a program without the model names it in its error.")
    func filesNameTheModel() throws {
      let workplace = try workplace()
      try train(workplace, "run", ranks: nil)
      let url = URL(fileURLWithPath: workplace.file("run/checkpoints/pixels-000012"))
      let description = try Checkpoint(verifying: url).description
      #expect(description.phase == "pixels" && description.phaseIndex == 0 && description.endsPhase)
      #expect(description.network.contains(#""model":"fcn-tiny""#))
      let outcome = try workplace.start("dnet", ["predict", "run", "data/JPEGImages/a.jpg", "--output", "out"]).wait()
      #expect(outcome.status != 0 && outcome.output.contains("fcn-tiny"), "\(outcome.output)")
    }
  }
}
