import Checkpoints
// Every call that the writer makes fails once, in seven ways: the newest checkpoint stays whole, nothing half written counts
// as one, and the next write succeeds.
import Foundation
import Compute
import Testing

@Suite struct WriterFaultTests {
  /// In memory where there is such a disk: thousands of fsyncs would cost minutes.
  private let directory = try! TemporaryDirectory(inMemory: true)

  private func contents(_ store: CheckpointStore) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: store.directory.path).sorted()
  }

  private func iteration(_ store: CheckpointStore, _ place: String) throws -> Int? {
    let (checkpoint, skipped) = try store.newestValid()
    #expect(skipped.isEmpty, "\(place): \(skipped)")
    return checkpoint?.description.iteration
  }

  /// - Parameter written: 20 for a new checkpoint, 10 for one of a name that is there.
  @Test(arguments: Fault.allCases, [20, 10])
  func everyCallFailsOnce(fault: Fault, written: Int) throws {
    let before = CheckpointStore(directory.file("template"), keep: 1)
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
      let faulty = CheckpointStore(url, keep: 1, files: files.layer)
      var message: String?
      do { try faulty.write(someSnapshot(written)) } catch { message = "\(error)" }

      if let message {
        failures += 1
        #expect(message.contains(url.path) && message.contains("bytes there"), "\(place): \(message)")
        if fault != .death {
          let names = try contents(faulty)
          // What gave way is kept until the directory is known to be on disk.
          #expect(!names.contains { $0.hasPrefix(".tmp-") && !$0.hasPrefix(".tmp-replaced-") }, "\(place): \(names)")
        }
      }
      // What a process finds that starts now.
      let store = CheckpointStore(url, keep: 1)
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

  /// A disk that stays full over several intervals, then has room again.
  @Test func theNextIntervalTriesAgain() throws {
    let url = directory.file("store")
    let store = CheckpointStore(
      url, keep: 2, files: FileLayer.full(while: { FileManager.default.fileExists(atPath: url.path + ".full") }))
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

  /// The checkpoint that ends a phase, tried again at once: momentum that comes in pieces is taken to its end by each attempt, and
  /// the one that succeeds holds all of it.
  @Test(arguments: [Fault.noSpace, .inputOutputError, .halfWriteThenFull])
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
        someDescription(4, phase: "classification", endsPhase: true), copying: someVector(seed: 4).namedTensors,
        momentum: pieces,
        drain: drained)
    }
    var (call, failures) = (0, 0)
    while true {
      call += 1
      let url = directory.file("store")
      try? FileManager.default.removeItem(at: url)
      try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
      let files = FaultyFiles(fault, atCall: call)
      var drains = 0
      do { try CheckpointStore(url, keep: 1, files: files.layer).write(snapshot { drains += 1 }) } catch {
        failures += 1
      }
      #expect(drains == 1, "\(fault) at call \(call)")
      let store = CheckpointStore(url, keep: 1)
      try store.write(snapshot { drains += 1 })
      #expect(drains == 2)
      let found = try #require(try store.newestValid().checkpoint)
      let read = ParameterVector(someTable)
      try found.momentum().fill([read])
      #expect(found.description.endsPhase && read.values == momentum.values)
      if files.calls < call { break }
    }
    #expect(failures > 3 && call > 40, "\(failures) failures in \(call) calls")
  }

  /// A disk that says it has written and gives back something else.
  @Test func whatIsNotReadBackDoesNotCount() throws {
    let store = CheckpointStore(directory.file("store"), keep: 2)
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
      try CheckpointStore(store.directory, keep: 2, files: liar).write(someSnapshot(2))
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
