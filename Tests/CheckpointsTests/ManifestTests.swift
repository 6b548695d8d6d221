// The formats of checkpoints: earlier ones are read, later ones are refused.
import Checkpoints
import Compute
import Foundation
import Testing

@Suite struct ManifestTests {
  private let directory = try! TemporaryDirectory()
  private let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures")

  /// Written by dnet 0.1.0 before there was a second format.
  @Test("A checkpoint of format 1 is read.")
  func formatOneIsRead() throws {
    let store = CheckpointStore(directory.file("checkpoints"), keep: 2, phases: somePhases)
    try store.prepare()
    let own = store.directory.appendingPathComponent("segmentation-000120")
    try FileManager.default.copyItem(at: fixtures.appendingPathComponent("format-1"), to: own)
    let checkpoint = try #require(try store.newestValid().checkpoint)
    var description = someDescription(120)
    description.phaseIndex = nil
    #expect(checkpoint.manifest.formatVersion == 1 && checkpoint.description == description)
    #expect(checkpoint.manifest.optimizerStates.mapValues(\.digest) == ["momentum": nil])
    let (weights, momentum) = (ParameterVector(someTable), ParameterVector(someTable))
    try checkpoint.weights().fill([weights])
    try checkpoint.optimizerState("momentum").fill([momentum])
    #expect(weights.values == someVector(seed: 120).values && momentum.values == someVector(seed: -120).values)
    #expect(checkpoint.manifest.weightsDigest == WeightsDigest.hex(of: weights.namedTensors))
    for name in [Checkpoint.weightsName, "momentum.safetensors.zst"] {
      try damage(own.appendingPathComponent(name), at: 5000)
      #expect(try store.newestValid().checkpoint == nil)
      try damage(own.appendingPathComponent(name), at: 5000)
    }
  }

  /// Written by `dnet-train` 0.1.0 after one iteration of the segmentation phase: `network.width` 0.01,
  /// `network.inputSize` 32, one class, and initial weights whose ReLUs are all off, so that the files are small.
  @Test("A checkpoint of format 2 is read.")
  func formatTwoIsRead() throws {
    let store = CheckpointStore(directory.file("checkpoints"), keep: 2, phases: somePhases)
    try store.prepare()
    let own = store.directory.appendingPathComponent("segmentation-000001")
    try FileManager.default.copyItem(at: fixtures.appendingPathComponent("format-2"), to: own)
    let checkpoint = try #require(try store.newestValid().checkpoint)
    let description = checkpoint.description
    #expect(checkpoint.manifest.formatVersion == 2 && checkpoint.manifest.parameterCount == 66_451)
    #expect(description.name == "segmentation-000001" && description.phaseIndex == nil && !description.endsPhase)
    #expect(description.seed == 1 && description.ranks == 1 && description.dnetVersion == "0.1.0")
    #expect(description.network == #"{"batchNormalization":true,"classes":1,"inputSize":32,"width":0.01}"#)
    #expect(description.configuration.hasPrefix("name: 'tiny'\nseed: 1\n") && description.allowedChanges.isEmpty)
    #expect(description.instructionSet.hasPrefix("SSE3 ") && description.blas == "0.3.21 Haswell")
    #expect(description.data.keys.sorted() == ["data.strongList", "data.weakList"])
    let weights = own.appendingPathComponent(Checkpoint.weightsName).path
    let digest = "fa77410bdd49e98a96287224c9c90ae147f5c7ce05444b8e7a6126dbabd7b561"
    #expect(checkpoint.manifest.weightsDigest == digest)
    #expect(try WeightsDigest.hex(ofFile: weights) == digest)
    #expect(checkpoint.manifest.optimizerStates.keys.sorted() == ["momentum"])
    let momentum = own.appendingPathComponent("momentum.safetensors.zst").path
    #expect(try WeightsDigest.hex(ofFile: momentum) == checkpoint.manifest.optimizerStates["momentum"]?.digest)
    let bias = ParameterVector(ParameterTable([ParameterSpec("segmentation.score.bias", [2], .bias)]))
    try checkpoint.optimizerState("momentum").fill([bias])
    #expect(bias.values[0].allSatisfy { $0 != 0 })
    // Its phase is unknown to a caller that does not name it.
    #expect(try CheckpointStore(store.directory, keep: 2, phases: []).newestValid().checkpoint == nil)
    for (name, place) in [(Checkpoint.weightsName, 1000), ("momentum.safetensors.zst", 700), ("manifest.json", 90)] {
      try damage(own.appendingPathComponent(name), at: place)
      #expect(try store.newestValid().checkpoint == nil, "\(name)")
      try damage(own.appendingPathComponent(name), at: place)
    }
    #expect(try store.newestValid().checkpoint != nil)
  }

  @Test("Every field of a manifest is read back, and sha256sum accepts the checkpoint.")
  func everyFieldComesBack() throws {
    let store = CheckpointStore(directory.file("checkpoints"), keep: 2, phases: somePhases)
    try store.prepare()
    var description = someDescription(7)
    description.instructionSet = "AVX2 FMA"
    description.blas = "0.3.21 Haswell"
    description.data = ["data.weakList": "abc", "data.strongList": "def"]
    description.allowedChanges = ["classification.learningRate.base"]
    let url = try store.write(
      CheckpointSnapshot(
        description, weights: someVector(seed: 7).namedTensors,
        optimizerStates: [state("momentum", someVector(seed: -7)), state("second_moment", someVector(seed: 70))]))
    let manifest = try Checkpoint.manifest(of: url)
    #expect(manifest.formatVersion == Manifest.currentFormat && manifest.description == description)
    #expect(manifest.weightsDigest == WeightsDigest.hex(of: someVector(seed: 7).namedTensors))
    for (name, seed) in [("momentum", -7), ("second_moment", 70)] {
      let digest = WeightsDigest.hex(of: someVector(seed: seed).namedTensors)
      #expect(manifest.optimizerStates[name]?.digest == digest)
      let read = ParameterVector(someTable)
      try Checkpoint(verifying: url).optimizerState(name).fill([read])
      #expect(read.values == someVector(seed: seed).values)
    }
    #expect(manifest.optimizerStates.count == 2)
    #expect(throws: CheckpointError.self) { try Checkpoint(verifying: url).optimizerState("third_moment") }
    let text = try String(contentsOf: url.appendingPathComponent(Checkpoint.manifestName), encoding: .utf8)
    let keys = text.matches(of: #/"([^"]*)" : /#).map { String($0.1) }
    let camelCase = keys.filter { $0.contains(/[a-z][A-Z]/) && !$0.hasPrefix("data.") }
    #expect(keys.contains("phase_index") && camelCase == ["formatVersion"], "\(keys)")
    #expect(
      try WeightsDigest.hex(ofFile: url.appendingPathComponent(Checkpoint.weightsName).path) == manifest.weightsDigest)
    if let output = run(["sha256sum", "-c", Checkpoint.sumsName], in: url) {
      #expect(output.split(separator: "\n").count == 4, "\(output)")
    } else {
      Issue.record("sha256sum -c does not agree")
    }
  }

  @Test("A later format is refused with its number.")
  func laterFormatsAreRefusedByName() throws {
    let store = CheckpointStore(directory.file("checkpoints"), keep: 2, phases: somePhases)
    try store.prepare()
    try store.write(someSnapshot(1))
    let url = try store.write(someSnapshot(2))
    let manifest = url.appendingPathComponent(Checkpoint.manifestName)
    let text = try String(contentsOf: manifest, encoding: .utf8)
    #expect(text.contains("\"formatVersion\" : 3"), "dnet 0.1 looks for the format under this key")
    try text.replacing("\"format_version\" : 3", with: "\"format_version\" : 4")
      .replacing("\"formatVersion\" : 3", with: "\"formatVersion\" : 4")
      .write(to: manifest, atomically: false, encoding: .utf8)
    // Without its sum it is only damaged.
    #expect(try store.newestValid().checkpoint?.description.iteration == 1)
    let sums = url.appendingPathComponent(Checkpoint.sumsName)
    let digest = try FileSource.sha256(of: manifest.path).hex
    try "\(digest)  manifest.json\n".write(to: sums, atomically: false, encoding: .utf8)
    do {
      _ = try store.newestValid()
      Issue.record("a later format was passed over")
    } catch {
      for word in ["format 4", "dnet 0.1", "formats 1 to 3", "--resume DIR", url.path] {
        #expect("\(error)".contains(word), "\(error)")
      }
    }
  }

  private func run(_ arguments: [String], in folder: URL) -> String? {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = arguments
    process.currentDirectoryURL = folder
    let pipe = Pipe()
    process.standardOutput = pipe
    guard (try? process.run()) != nil else { return nil }
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return process.terminationStatus == 0 ? String(decoding: data, as: UTF8.self) : nil
  }
}
