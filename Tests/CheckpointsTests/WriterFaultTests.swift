// Every call that the writer makes fails once, in seven ways: the newest checkpoint stays whole, nothing half written counts
// as one, and the next write succeeds.
import Foundation
import Testing

import Checkpoints

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
          #expect(try !contents(faulty).contains { $0.hasPrefix(".tmp-") }, "\(place): \(try contents(faulty))")
        }
      }
      // What a process finds that starts now.
      let store = CheckpointStore(url, keep: 1)
      try store.prepare()
      let found = try iteration(store, place)
      #expect(message == nil ? found == written : found == 10 || found == written, "\(place): \(found ?? 0), \(message ?? "")")
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
    let store = CheckpointStore(url, keep: 2, files: FileLayer.full(while: { FileManager.default.fileExists(atPath: url.path + ".full") }))
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
    #expect(throws: CheckpointError.self) { try CheckpointStore(store.directory, keep: 2, files: liar).write(someSnapshot(2)) }
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
