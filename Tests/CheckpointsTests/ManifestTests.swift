import Checkpoints
// The versions of the format: older ones are read, later ones refused.
import Foundation
import Compute
import Testing

@Suite struct ManifestTests {
  private let directory = try! TemporaryDirectory()
  private let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures")

  /// Written by dnet 0.1.0 before there was a second format.
  @Test func formatOneIsRead() throws {
    let store = CheckpointStore(directory.file("checkpoints"), keep: 2)
    try store.prepare()
    let own = store.directory.appendingPathComponent("segmentation-000120")
    try FileManager.default.copyItem(at: fixtures.appendingPathComponent("format-1"), to: own)
    let checkpoint = try #require(try store.newestValid().checkpoint)
    #expect(checkpoint.manifest.formatVersion == 1 && checkpoint.description == someDescription(120))
    let (weights, momentum) = (ParameterVector(someTable), ParameterVector(someTable))
    try checkpoint.weights().fill([weights])
    try checkpoint.momentum().fill([momentum])
    #expect(weights.values == someVector(seed: 120).values && momentum.values == someVector(seed: -120).values)
    #expect(checkpoint.manifest.weightsDigest == WeightsDigest.hex(of: weights.namedTensors))
    for name in [Checkpoint.weightsName, Checkpoint.momentumName] {
      try damage(own.appendingPathComponent(name), at: 5000)
      #expect(try store.newestValid().checkpoint == nil)
      try damage(own.appendingPathComponent(name), at: 5000)
    }
  }

  @Test func everyFieldComesBack() throws {
    let store = CheckpointStore(directory.file("checkpoints"), keep: 2)
    try store.prepare()
    var description = someDescription(7)
    description.instructionSet = "AVX2 FMA"
    description.blas = "0.3.21 Haswell"
    description.data = ["data.weakList": "abc", "data.strongList": "def"]
    description.allowedChanges = ["classification.learningRate.base"]
    let url = try store.write(
      CheckpointSnapshot(description, copying: someVector(seed: 7).namedTensors, momentum: someVector(seed: -7)))
    let manifest = try Checkpoint.manifest(of: url)
    #expect(manifest.formatVersion == Manifest.currentFormat && manifest.description == description)
    #expect(manifest.weightsDigest == WeightsDigest.hex(of: someVector(seed: 7).namedTensors))
    #expect(manifest.momentumDigest == WeightsDigest.hex(of: someVector(seed: -7).namedTensors))
    #expect(
      try WeightsDigest.hex(ofFile: url.appendingPathComponent(Checkpoint.weightsName).path) == manifest.weightsDigest)
    if let output = run(["sha256sum", "-c", Checkpoint.sumsName], in: url) {
      #expect(output.split(separator: "\n").count == 3, "\(output)")
    } else {
      Issue.record("sha256sum -c does not agree")
    }
  }

  @Test func laterFormatsAreRefusedByName() throws {
    let store = CheckpointStore(directory.file("checkpoints"), keep: 2)
    try store.prepare()
    try store.write(someSnapshot(1))
    let url = try store.write(someSnapshot(2))
    let manifest = url.appendingPathComponent(Checkpoint.manifestName)
    let text = try String(contentsOf: manifest, encoding: .utf8)
    try text.replacingOccurrences(of: "\"formatVersion\" : 2", with: "\"formatVersion\" : 3")
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
      for word in ["format 3", "dnet 0.1", "formats 1 to 2", "--resume DIR", url.path] {
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
