// End-to-end tests of former names: configurations, options and run directories of earlier versions stay usable.
import Foundation
import Support
import Testing

extension EndToEnd {
  @Suite(.serialized) struct FormerNamesTests {
    private static let notice = "note: the configuration uses former names of keys: "
    private static let names = [
      ("imageLabelList:", "weakList:"), ("maskList:", "strongList:"), ("masksPerClass:", "strongPerClass:"),
      ("imageLabelsFromMaskedOnly:", "weakFromStrong:"), ("gradientExchange:", "factors:"), ("gamma:", "factor:"),
      ("batchNormalization:\n  calibrationShards:", "statistics:\n  shards:"),
    ]

    /// Replaces the current names in a file by the former ones. In a manifest the text is escaped as JSON.
    private func restoreFormerNames(in file: String, _ workplace: Workplace) throws {
      let text = String(decoding: try workplace.read(file), as: UTF8.self)
      let former = Self.names.reduce(text) { text, pair in
        text.replacing(pair.0, with: pair.1)
          .replacing(pair.0.replacing("\n", with: "\\n"), with: pair.1.replacing("\n", with: "\\n"))
          .replacing("\"data.\(pair.0.dropLast())\"", with: "\"data.\(pair.1.dropLast())\"")
      }
      #expect(former != text, "\(file) has no key with a former name")
      try workplace.write(former, to: file)
    }

    @Test("A configuration with former names trains to the same weights and prints one notice.")
    func formerConfiguration() throws {
      let workplace = try Workplace()
      let settings = ["data.root=data", "minibatch.shards=8", "statistics.shards=11"].flatMap { ["--set", $0] }
      let current = try String(contentsOfFile: Commands.repository + "/Configs/synthetic/tiny.yaml", encoding: .utf8)
      try workplace.write(current, to: "former.yaml")
      try restoreFormerNames(in: "former.yaml", workplace)
      let outcome = try workplace.start("dnet-train", ranks: 3, ["former.yaml", "--output", "run"] + settings).wait()
      #expect(outcome.status == 0, "\(outcome.output)")
      #expect(try workplace.summary("run").weightsDigest == Workplace.digest.get())
      let notices = outcome.lines.filter { $0.contains(Self.notice) }
      #expect(notices.count == 1 && outcome.lines.first == notices.first, "\(outcome.output)")
      for name in ["data.masksPerClass", "classification.learningRate.gamma", "batchNormalization.calibrationShards"] {
        #expect(notices.first?.contains("is now \(name)") == true, "\(name)")
      }
      let resolved = String(decoding: try workplace.read("run/config.yaml"), as: UTF8.self)
      #expect(resolved.contains("masksPerClass") && !resolved.contains("strongPerClass"))
    }

    @Test("A run directory with former names resumes without a notice, and its log is verified.")
    func formerRunDirectory() throws {
      let workplace = try Workplace()
      try workplace.train("run", ranks: 2, set: ["verify.every=1"], ["--stop-after", "5"])
      try restoreFormerNames(in: "run/config.yaml", workplace)
      for checkpoint in workplace.checkpoints("run") {
        let folder = "run/checkpoints/\(checkpoint)"
        try restoreFormerNames(in: "\(folder)/manifest.json", workplace)
        let manifest = String(decoding: try workplace.read("\(folder)/manifest.json"), as: UTF8.self)
        let sums = String(decoding: try workplace.read("\(folder)/SHA256SUMS"), as: UTF8.self).split(separator: "\n")
        try workplace.write(
          sums.map { $0.hasSuffix("manifest.json") ? "\(SHA256.hex(of: manifest))  manifest.json\n" : "\($0)\n" }
            .joined(),
          to: "\(folder)/SHA256SUMS")
      }
      let verified = try workplace.start("dnet", ranks: 2, ["verify", "run"]).wait()
      #expect(verified.status == 0 && verified.output.contains("5 iterations agree"), "\(verified.output)")
      let exported = try workplace.start(
        "dnet", ["model", "export", "run", "--fold", "--output", "folded.safetensors"]
      ).wait()
      #expect(exported.status == 0, "\(exported.output)")
      let outcome = try workplace.train("run", ranks: 3, set: ["verify.every=1"])
      for output in [verified.output, exported.output, outcome.output] {
        #expect(!output.contains(Self.notice), "\(output)")
      }
      #expect(outcome.output.contains("resuming from"))
      #expect(try workplace.summary("run").weightsDigest == Workplace.digest.get())
    }

    @Test("--allow-change accepts a former name, and the checkpoints record the current one.")
    func allowedChange() throws {
      let workplace = try Workplace()
      try workplace.train("run", ranks: nil, ["--max-iterations", "2"])
      let outcome = try workplace.train(
        "run", ranks: nil, set: ["\(Self.shards)=5"],
        ["--allow-change", "statistics.shards"])
      #expect(outcome.output.contains("--allow-change \(Self.shards): 5 from here on, 11 before"), "\(outcome.output)")
      let manifest = try workplace.read("run/checkpoints/segmentation-000003/manifest.json")
      #expect(String(decoding: manifest, as: UTF8.self).contains("\"\(Self.shards)\""))
    }

    private static let shards = "batchNormalization.calibrationShards"
  }
}
