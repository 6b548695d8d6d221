// Fault injection: every system call of the checkpoint writer fails once, in seven ways.
import Checkpoints
import Compute
import Foundation
import Testing

@Suite struct WriterFaultTests {
  /// In memory if possible, because thousands of fsyncs on a disk would take minutes.
  private let directory = try! TemporaryDirectory(inMemory: true)

  private func contents(_ store: CheckpointStore) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: store.directory.path).sorted()
  }

  private func iteration(_ store: CheckpointStore, _ place: String) throws -> Int? {
    let (checkpoint, skipped) = try store.newestValid()
    #expect(skipped.isEmpty, "\(place): \(skipped)")
    return checkpoint?.description.iteration
  }

  /// - Parameter written: 20 for a new checkpoint, 10 for one whose name exists already.
  @Test(
    "Wherever the writer fails, the newest checkpoint stays whole and the next write succeeds.",
    arguments: Fault.allCases, [20, 10])
  func everyCallFailsOnce(fault: Fault, written: Int) throws {
    let before = CheckpointStore(directory.file("template"), keep: 1, phases: somePhases)
    try before.prepare()
    try before.write(someSnapshot(10))
    var (call, failures) = (0, 0)
    while true {
      call += 1
      let place = "\(fault) at call \(call), writing \(written)"
      let url = directory.file("store")
      try? FileManager.default.removeItem(at: url)
      try FileManager.default.copyItem(at: before.directory, to: url)
      let files = FaultyFiles(fault, atCall: call)
      let faulty = CheckpointStore(url, keep: 1, phases: somePhases, files: files.layer)
      var message: String?
      do { try faulty.write(someSnapshot(written)) } catch { message = "\(error)" }

      if let message {
        failures += 1
        #expect(message.contains(url.path) && message.contains("bytes there"), "\(place): \(message)")
        if fault != .death {
          let names = try contents(faulty)
          // The replaced checkpoint is kept until the directory is known to be on disk.
          #expect(!names.contains { $0.hasPrefix(".tmp-") && !$0.hasPrefix(".tmp-replaced-") }, "\(place): \(names)")
        }
      }
      // A new process looks at the directory.
      let store = CheckpointStore(url, keep: 1, phases: somePhases)
      try store.prepare()
      let found = try iteration(store, place)
      #expect(
        message == nil ? found == written : found == 10 || found == written, "\(place): \(found ?? 0), \(message ?? "")"
      )
      #expect(try !contents(store).contains { $0.hasPrefix(".tmp-") }, "\(place)")
      if let target = try? FileManager.default.destinationOfSymbolicLink(atPath: url.path + "/latest") {
        #expect(FileManager.default.fileExists(atPath: "\(url.path)/\(target)") || fault == .death, "\(place): latest")
      }
      try store.write(someSnapshot(30))
      #expect(try iteration(store, place) == 30)
      #expect(try contents(store) == ["latest", "segmentation-000030"], "\(place)")
      #expect(try FileManager.default.destinationOfSymbolicLink(atPath: url.path + "/latest") == "segmentation-000030")
      #expect(store.takeRemarks().isEmpty)
      if files.calls < call { break }
    }
    print("\(fault), writing \(written): \(call - 1) calls, \(failures) of them cost the checkpoint")
    #expect(call > 60, "the writer made \(call) calls only: it does not write through the file layer")
    #expect(fault == .halfWrite ? failures == 0 : failures > 3)
  }

  /// The disk stays full over several intervals, then has space again.
  @Test("After failures on a full disk, the next interval succeeds.")
  func theNextIntervalTriesAgain() throws {
    let url = directory.file("store")
    let store = CheckpointStore(
      url, keep: 2, phases: somePhases,
      files: FileLayer.full(while: { FileManager.default.fileExists(atPath: url.path + ".full") }))
    try store.prepare()
    try store.writeInBackground(someSnapshot(1))
    try store.waitForWriter()
    try Data().write(to: URL(fileURLWithPath: url.path + ".full"))
    for iteration in 2...4 {
      try store.writeInBackground(someSnapshot(iteration))
      #expect(throws: CheckpointError.self) { try store.waitForWriter() }
      #expect(try contents(store) == ["latest", "segmentation-000001"])
    }
    try FileManager.default.removeItem(atPath: url.path + ".full")
    try store.writeInBackground(someSnapshot(5))
    try store.waitForWriter()
    #expect(try store.newestValid().checkpoint?.description.iteration == 5)
  }

  /// The checkpoint that ends a phase is retried at once. Each attempt consumes all pieces of the momentum.
  @Test(
    "A retry of the same checkpoint writes the whole momentum.",
    arguments: [Fault.noSpace, .inputOutputError, .halfWriteThenFull])
  func theSameCheckpointTriedAgain(fault: Fault) throws {
    let momentum = someVector(seed: 3)
    func snapshot(_ drained: @escaping () -> Void) -> CheckpointSnapshot {
      var next = 0
      let order = momentum.namedTensors.sorted { $0.name < $1.name }
      let pieces = momentum.namedTensors.map { tensor in
        TensorToWrite(name: tensor.name, shape: tensor.shape) { body in
          #expect(order[next].name == tensor.name)
          next += 1
          for first in stride(from: 0, to: tensor.values.count, by: 100) {
            try withExtendedLifetime(tensor) {
              try body(
                UnsafeRawBufferPointer(
                  UnsafeBufferPointer(rebasing: tensor.values[first..<min(first + 100, tensor.values.count)])))
            }
          }
        }
      }
      return CheckpointSnapshot(
        someDescription(4, phase: "classification", endsPhase: true), weights: someVector(seed: 4).namedTensors,
        optimizerStates: [OptimizerStateToWrite(name: "momentum", tensors: pieces)], drain: drained)
    }
    var (call, failures) = (0, 0)
    while true {
      call += 1
      let url = directory.file("store")
      try? FileManager.default.removeItem(at: url)
      try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
      let files = FaultyFiles(fault, atCall: call)
      var drains = 0
      do {
        try CheckpointStore(url, keep: 1, phases: somePhases, files: files.layer).write(snapshot { drains += 1 })
      } catch {
        failures += 1
      }
      #expect(drains == 1, "\(fault) at call \(call)")
      let store = CheckpointStore(url, keep: 1, phases: somePhases)
      try store.write(snapshot { drains += 1 })
      #expect(drains == 2)
      let found = try #require(try store.newestValid().checkpoint)
      let read = ParameterVector(someTable)
      try found.optimizerState("momentum").fill([read])
      #expect(found.description.endsPhase && read.values == momentum.values)
      if files.calls < call { break }
    }
    #expect(failures > 3 && call > 40, "\(failures) failures in \(call) calls")
  }

  /// The disk reports success and returns other bytes.
  @Test("A checkpoint that is not read back as written does not count.")
  func whatIsNotReadBackDoesNotCount() throws {
    let store = CheckpointStore(directory.file("store"), keep: 2, phases: somePhases)
    try store.prepare()
    try store.write(someSnapshot(1))
    var liar = FileLayer.system
    liar.write = { descriptor, bytes, count in
      guard count > 4000 else { return FileLayer.system.write(descriptor, bytes, count) }
      var copy = [UInt8](UnsafeRawBufferPointer(start: bytes, count: count))
      copy[2000] ^= 1
      return FileLayer.system.write(descriptor, copy, count)
    }
    #expect(throws: CheckpointError.self) {
      try CheckpointStore(store.directory, keep: 2, phases: somePhases, files: liar).write(someSnapshot(2))
    }
    #expect(try contents(store) == ["latest", "segmentation-000001"])
  }
}

extension FileLayer {
  fileprivate static func full(while isFull: @escaping @Sendable () -> Bool) -> FileLayer {
    var layer = FileLayer.system
    layer.write = { descriptor, bytes, count in
      guard isFull() else { return FileLayer.system.write(descriptor, bytes, count) }
      errno = ENOSPC
      return -1
    }
    return layer
  }
}
