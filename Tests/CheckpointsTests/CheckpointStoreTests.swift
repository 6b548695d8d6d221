// Tests of the checkpoint store: writing, reading, order, and removal of old checkpoints.
import Checkpoints
import Compute
import Foundation
import Testing

@Suite struct CheckpointStoreTests {
  private let directory = try! TemporaryDirectory()

  private func store(keep: Int = 2) throws -> CheckpointStore {
    let store = CheckpointStore(directory.file("run/checkpoints"), keep: keep, phases: somePhases)
    try store.prepare()
    return store
  }

  @Test("A checkpoint is read back whole.")
  func aCheckpointComesBackWhole() throws {
    let store = try store()
    #expect(try store.newestValid().checkpoint == nil)
    let url = try store.write(someSnapshot(120))
    #expect(url.lastPathComponent == "segmentation-000120")
    let checkpoint = try #require(try store.newestValid().checkpoint)
    #expect(checkpoint.description == someDescription(120))
    #expect(checkpoint.manifest.parameterCount == someTable.scalarCount)
    let (weights, momentum) = (ParameterVector(someTable), ParameterVector(someTable))
    try checkpoint.weights().fill([weights])
    try checkpoint.optimizerState("momentum").fill([momentum])
    #expect(weights.values == someVector(seed: 120).values)
    #expect(momentum.values == someVector(seed: -120).values)
    #expect(checkpoint.manifest.weightsDigest == WeightsDigest.hex(of: weights.namedTensors))
  }

  @Test("Checkpoints of a later phase are newer, whatever their iteration.")
  func laterPhasesAreNewer() throws {
    let store = try store(keep: 9)
    try store.write(someSnapshot(3))
    try store.write(someSnapshot(2_000_000, phase: "classification"))
    try store.write(someSnapshot(20))
    #expect(try store.list().map(\.iteration) == [2_000_000, 3, 20])
    #expect(try store.newestValid().checkpoint?.description.iteration == 20)
    let oldest = try Checkpoint(verifying: store.list()[0].url)
    #expect(oldest.description.phase == "classification" && oldest.description.iteration == 2_000_000)
    // The manifests contain the order too, and nothing depends on the spelling of names.
    #expect(try CheckpointStore(store.directory, keep: 9, phases: []).list() == store.list())
  }

  @Test("Phases have the order of their manifests, or else that of the caller.")
  func phasesAreOpaque() throws {
    func write(_ phase: String, _ index: Int?, _ iteration: Int, to store: CheckpointStore) throws {
      var description = someDescription(iteration, phase: phase)
      description.phaseIndex = index
      try store.write(CheckpointSnapshot(description, weights: someVector().namedTensors, optimizerStates: []))
    }
    let store = CheckpointStore(directory.file("run/checkpoints"), keep: 9, phases: [])
    try store.prepare()
    for (phase, index) in [("stage-2", 0), ("stage-10", 1), ("a", 2)] { try write(phase, index, 7, to: store) }
    try write("stage-2", 0, 8, to: store)
    #expect(
      try store.list().map(\.url.lastPathComponent) == [
        "stage-2-000007", "stage-2-000008", "stage-10-000007", "a-000007",
      ])
    #expect(try store.newestValid().checkpoint?.description.name == "a-000007")
    let reversed = CheckpointStore(store.directory, keep: 9, phases: ["a", "stage-10", "stage-2"])
    #expect(try reversed.list() == store.list(), "the manifests have precedence")
    // Without a readable manifest of its phase, a directory has no place in the order.
    try damage(store.directory.appendingPathComponent("a-000007/manifest.json"), cutTo: 9)
    #expect(try store.newestValid().checkpoint?.description.name == "stage-10-000007")

    // Manifests before format 3 have no order of phases.
    let earlier = CheckpointStore(directory.file("earlier/checkpoints"), keep: 9, phases: ["second", "first"])
    try earlier.prepare()
    try write("second", nil, 9, to: earlier)
    try write("first", nil, 3, to: earlier)
    #expect(try earlier.list().map(\.phase) == ["second", "first"])
    #expect(try earlier.newestValid().checkpoint?.description.name == "first-000003")
  }

  @Test("Damaged checkpoints are skipped, each with a reason.")
  func damagedOnesAreSkippedWithAReason() throws {
    let store = try store(keep: 9)
    for iteration in [10, 20, 30, 40, 50, 60, 70] { try store.write(someSnapshot(iteration)) }
    func file(_ iteration: Int, _ name: String) -> URL {
      store.directory.appendingPathComponent("segmentation-0000\(iteration)/\(name)")
    }
    try damage(file(70, Checkpoint.weightsName), at: 500)
    try damage(file(60, "momentum.safetensors.zst"), cutTo: 100)
    try FileManager.default.removeItem(at: file(50, Checkpoint.weightsName))
    try damage(file(40, Checkpoint.manifestName), cutTo: 30)
    let manifest = try String(contentsOf: file(30, Checkpoint.manifestName), encoding: .utf8)
    try manifest.replacingOccurrences(of: "\"format_version\" : 3", with: "\"format_version\" : 4")
      .write(to: file(30, Checkpoint.manifestName), atomically: false, encoding: .utf8)
    try FileManager.default.moveItem(
      at: store.directory.appendingPathComponent("segmentation-000020"),
      to: store.directory.appendingPathComponent("segmentation-000025"))

    let (checkpoint, skipped) = try store.newestValid()
    #expect(checkpoint?.description.iteration == 10)
    let reasons = skipped.map(\.reason)
    let wanted = ["SHA-256", "100 bytes where", "No such file", "SHA256SUMS", "SHA256SUMS", "segmentation-000020"]
    #expect(reasons.count == wanted.count)
    for (reason, text) in zip(reasons, wanted) { #expect(reason.contains(text), "\(reason)") }
  }

  @Test("The newest checkpoints and those that end a phase are kept.")
  func keepsTheNewestAndPhaseEnds() throws {
    let store = try store(keep: 2)
    try store.write(someSnapshot(100, phase: "classification", endsPhase: true))
    for iteration in [1, 2, 3, 4] { try store.write(someSnapshot(iteration)) }
    #expect(try store.list().map(\.iteration) == [100, 3, 4])
    // Resumed from 3, because 4 was damaged: what is written next is not the one to go.
    try damage(store.directory.appendingPathComponent("segmentation-000004/\(Checkpoint.weightsName)"), at: 60)
    let narrow = CheckpointStore(store.directory, keep: 1, phases: somePhases)
    try narrow.write(someSnapshot(3))
    #expect(try narrow.list().map(\.iteration) == [100, 3, 4])
    #expect(try narrow.newestValid().checkpoint?.description.iteration == 3)
    try narrow.write(someSnapshot(4))
    #expect(try narrow.list().map(\.iteration) == [100, 4])
    #expect(try narrow.newestValid().skipped.isEmpty)
  }

  @Test("Unfinished files of a killed run are removed and never listed.")
  func leftoversOfAKilledRunAreRemovedAndNeverFound() throws {
    let store = try store()
    try store.write(someSnapshot(5))
    let left = store.directory.appendingPathComponent(".tmp-segmentation-000006-4711")
    try FileManager.default.copyItem(at: store.directory.appendingPathComponent("segmentation-000005"), to: left)
    #expect(try store.newestValid().checkpoint?.description.iteration == 5)
    try store.prepare()
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: store.directory.path).sorted() == [
        "latest", "segmentation-000005",
      ])
  }

  @Test("Checkpoints written in the background are whole, and their errors are reported.")
  func backgroundWritesAreAsGoodAndTheirErrorsAreNotLost() throws {
    let store = try store()
    for iteration in 1...4 { try store.writeInBackground(someSnapshot(iteration)) }
    try store.waitForWriter()
    #expect(try store.newestValid().checkpoint?.description.iteration == 4)
    // A file where the directory should be.
    try FileManager.default.removeItem(at: store.directory)
    try Data().write(to: store.directory)
    try store.writeInBackground(someSnapshot(5))
    #expect(throws: CheckpointError.self) { try store.writeInBackground(someSnapshot(6)) }
    try store.waitForWriter()
  }

  @Test("A snapshot keeps the memory of its tensors alive.")
  func aSnapshotOwnsItsTensors() throws {
    let store = try store()
    // The vectors are released before the snapshot is written, and their memory could be used again.
    let snapshot = someSnapshot(9)
    let others = (0..<9).map { someVector(seed: $0) }
    try store.write(snapshot)
    #expect(others.count == 9)
    let read = ParameterVector(someTable)
    try #require(try store.newestValid().checkpoint).weights().fill([read])
    #expect(read.values == someVector(seed: 9).values)
  }
}
