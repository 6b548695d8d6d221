// End-to-end tests of former names: configurations, options and run directories of earlier versions stay usable.
import Checkpoints
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

    /// Rewrites a checkpoint as dnet 0.1 wrote it: manifest format 2 with camelCase keys, the momentum in place of
    /// named optimizer states, no model name in the network's description, and former names of configuration keys.
    private func convertToFormat2(_ folder: String, _ workplace: Workplace) throws {
      let network = #"{"batchNormalization":true,"classes":3,"inputSize":64,"width":0.0625}"#
      let weights = URL(fileURLWithPath: workplace.file("\(folder)/weights.safetensors.zst"))
      let stored = try WeightsFile.read(weights)
      #expect(stored.metadata["network"]?.contains("decouplednet") == true)
      let tensors = stored.namedTensors
      let metadata = stored.metadata.merging(["network": network, "dnet": "0.1.0"]) { $1 }
      let copy = URL(fileURLWithPath: workplace.file("former.safetensors.zst"))
      let written = try WeightsFile.write(tensors, metadata: metadata, to: copy)
      try FileManager.default.removeItem(at: weights)
      try FileManager.default.moveItem(at: copy, to: weights)

      let manifest = "\(folder)/manifest.json"
      try restoreFormerNames(in: manifest, workplace)
      func dictionary(_ value: Any?) throws -> [String: Any] { try #require(value as? [String: Any]) }
      let current = try dictionary(JSONSerialization.jsonObject(with: Data(workplace.read(manifest))))
      var description = try dictionary(current["description"])
      for (snake, camel) in [
        ("ends_phase", "endsPhase"), ("dnet_version", "dnetVersion"), ("instruction_set", "instructionSet"),
        ("allowed_changes", "allowedChanges"),
      ] { description[camel] = description.removeValue(forKey: snake) }
      description["phase_index"] = nil
      description["network"] = network
      description["dnetVersion"] = "0.1.0"
      var files = try dictionary(current["files"])
      files["weights.safetensors.zst"] = ["bytes": written.bytes, "sha256": written.sha256]
      var former: [String: Any] = [
        "formatVersion": 2, "description": description, "files": files,
        "parameterCount": try #require(current["parameter_count"]),
        "weightsDigest": try #require(current["weights_digest"]),
      ]
      let states = try dictionary(current["optimizer_states"])
      if let momentum = states["momentum"] { former["momentumDigest"] = try dictionary(momentum)["digest"] }
      try workplace.write(JSONSerialization.data(withJSONObject: former, options: .sortedKeys), to: manifest)

      let names = try FileManager.default.contentsOfDirectory(atPath: workplace.file(folder)).sorted()
      let sums = try names.filter { $0 != "SHA256SUMS" }
        .map { "\(try SHA256.hex(of: workplace.read("\(folder)/\($0)")))  \($0)\n" }
      try workplace.write(sums.joined(), to: "\(folder)/SHA256SUMS")
    }

    @Test("A run of the previous version is verified and evaluated, and resumes to the digest of an uninterrupted run.")
    func previousVersion() throws {
      let workplace = try Workplace()
      try workplace.train("run", ranks: 2, set: ["verify.every=1"], ["--stop-after", "5"])
      try restoreFormerNames(in: "run/config.yaml", workplace)
      let checkpoints = workplace.checkpoints("run")
      #expect(checkpoints.count >= 2)
      for checkpoint in checkpoints { try convertToFormat2("run/checkpoints/\(checkpoint)", workplace) }
      let verified = try workplace.start("dnet", ranks: 2, ["verify", "run"]).wait()
      #expect(verified.status == 0 && verified.output.contains("5 iterations agree"), "\(verified.output)")
      let evaluated = try workplace.start(
        "dnet", ranks: 2, ["evaluate", "run", "--data", "data", "--list", "ImageSets/Segmentation/trainval.txt"]
      ).wait()
      #expect(evaluated.status == 0 && evaluated.output.contains("mean IoU"), "\(evaluated.output)")
      let exported = try workplace.start(
        "dnet", ["model", "export", "run", "--fold", "--output", "folded.safetensors"]
      ).wait()
      #expect(exported.status == 0, "\(exported.output)")
      let outcome = try workplace.train("run", ranks: 3, set: ["verify.every=1"])
      for output in [verified.output, evaluated.output, exported.output, outcome.output] {
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
