// The checkpoints of a run, RUN/checkpoints. A kill at any moment leaves the earlier checkpoints whole.
//
// A checkpoint is written under a temporary name in the same directory, made durable, read back, and renamed. A
// directory with a final name is therefore complete unless the disk fails later, which sizes and SHA-256 reveal.
// Finally the link `latest`, a convenience for people and scripts, is moved.
import Foundation
import Support
import Synchronization

/// The checkpoints of one run. One process writes (that of rank 0); any process may read.
///
/// `@unchecked Sendable`: all mutable state is behind a mutex, and at most one writer runs, on `queue`.
package final class CheckpointStore: @unchecked Sendable {
  package let directory: URL
  /// The number of newest checkpoints that are kept, in addition to those that end a phase.
  package let keep: Int
  /// The names of the phases in the order of training.
  package let phases: [String]
  private let files: FileLayer

  private let queue = DispatchQueue(label: "checkpoint writer")
  private let failure = Mutex<String?>(nil)
  private let remarks = Mutex<[String]>([])
  private let writeSeconds = Mutex(0.0)

  static let compressorThreads = 2
  private static let temporary = ".tmp-"
  /// The prefix of a checkpoint that is being replaced by another one of the same name.
  private static let replaced = ".tmp-replaced-"
  /// A symbolic link to the newest checkpoint.
  package static let latest = "latest"

  /// - Parameter phases: the order of phases, for checkpoints before format 3, whose manifests do not contain it.
  ///   Other phases are ordered by `phaseIndex` of their manifests.
  package init(
    _ directory: URL, keep: Int, phases: [String], files: FileLayer = .system
  ) {
    precondition(keep >= 1, "a store keeps at least one checkpoint, not \(keep)")
    self.directory = directory
    self.keep = keep
    self.phases = phases
    self.files = files
  }

  /// Creates the directory and removes the unfinished files of killed runs. The writing process calls it before its
  /// first write.
  package func prepare() throws {
    do {
      try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    } catch {
      throw CheckpointError.file(path: directory.path, operation: "create", reason: "\(error.localizedDescription)")
    }
    let names = try names()
    for name in names where name.hasPrefix(Self.replaced) {
      // The process was killed between two renames, so the old checkpoint is the only one of its name.
      let parts = name.dropFirst(Self.replaced.count).split(separator: "-").dropLast()
      let own = parts.joined(separator: "-")
      if !names.contains(own) {
        try rename(directory.appendingPathComponent(name), directory.appendingPathComponent(own))
      }
    }
    try removeTemporaries()
  }

  /// Returns and clears the failures that damage no checkpoint, such as an old one that cannot be removed.
  package func takeRemarks() -> [String] {
    remarks.withLock { remarks in
      defer { remarks = [] }
      return remarks
    }
  }

  // MARK: Listing

  /// A directory with a checkpoint's name.
  package struct Found: Sendable, Equatable {
    package let url: URL
    package let phase: String
    package let iteration: Int
  }

  /// Returns all directories with a checkpoint's name and a known phase, oldest first, without opening their files.
  package func list() throws -> [Found] {
    guard FileManager.default.fileExists(atPath: directory.path) else { return [] }
    let all = try names().compactMap { name -> Found? in
      guard let dash = name.lastIndex(of: "-"), let iteration = Int(name[name.index(after: dash)...]),
        !name.hasPrefix(".")
      else { return nil }
      return Found(url: directory.appendingPathComponent(name), phase: String(name[..<dash]), iteration: iteration)
    }
    let order = phaseOrder(of: all)
    return all.filter { order[$0.phase] != nil }.sorted {
      (order[$0.phase]!, $0.iteration) < (order[$1.phase]!, $1.iteration)
    }
  }

  /// The place of each phase: the one in a manifest of the phase, or else that in `phases`.
  private func phaseOrder(of all: [Found]) -> [String: Int] {
    var order: [String: Int] = [:]
    for found in all where order[found.phase] == nil {
      order[found.phase] = (try? Checkpoint.manifest(of: found.url))?.description.phaseIndex
    }
    return order.merging(zip(phases, phases.indices)) { manifest, _ in manifest }
  }

  /// Returns the newest checkpoint whose files are intact, and the newer ones that were skipped, each with the reason.
  ///
  /// - Throws: `CheckpointError.newerFormat` where a newer checkpoint has a later format. Skipping it would silently
  ///   discard what the run has done since.
  package func newestValid() throws -> (checkpoint: Checkpoint?, skipped: [(url: URL, reason: String)]) {
    var skipped: [(url: URL, reason: String)] = []
    for found in try list().reversed() {
      do {
        let checkpoint = try Checkpoint(verifying: found.url)
        let description = checkpoint.description
        guard description.phase == found.phase, description.iteration == found.iteration else {
          skipped.append((found.url, "its manifest is that of \(description.name)"))
          continue
        }
        return (checkpoint, skipped)
      } catch let error as CheckpointError where error.isOfNewerFormat {
        throw error
      } catch {
        skipped.append((found.url, "\(error)"))
      }
    }
    return (nil, skipped)
  }

  // MARK: Writing

  /// Writes a checkpoint and returns when it is durable. Throws first if the last write in the background failed.
  @discardableResult
  package func write(_ snapshot: CheckpointSnapshot) throws -> URL {
    try waitForWriter()
    return try publish(snapshot)
  }

  /// Starts writing a checkpoint in the background. Waits first for the one before, and throws if that failed.
  package func writeInBackground(_ snapshot: CheckpointSnapshot) throws {
    try waitForWriter()
    queue.async {
      do { try self.publish(snapshot) } catch { self.failure.withLock { $0 = "\(error)" } }
    }
  }

  /// Returns when nothing is being written. Throws, once, if the last write in the background failed.
  package func waitForWriter() throws {
    queue.sync {}
    let text = failure.withLock { text in
      defer { text = nil }
      return text
    }
    if let text { throw CheckpointError.background(text) }
  }

  /// The seconds that the last write took; 0 before the first.
  package var lastSeconds: Double { writeSeconds.withLock { $0 } }

  @discardableResult
  private func publish(_ snapshot: CheckpointSnapshot) throws -> URL {
    let start = MonotonicClock.now
    defer { writeSeconds.withLock { $0 = MonotonicClock.now - start } }
    defer { try? snapshot.finish() }
    let name = snapshot.description.name
    let final = directory.appendingPathComponent(name)
    let temporary = directory.appendingPathComponent("\(Self.temporary)\(name)-\(getpid())")
    let aside = directory.appendingPathComponent("\(Self.replaced)\(name)-\(getpid())")
    var isPublished = false
    do {
      try files.removeTree(temporary.path)
      if files.mkdir(temporary.path) != 0 { throw systemError(temporary.path, "create") }
      try snapshot.write(into: temporary, threads: Self.compressorThreads, files: files)
      // A checkpoint of this name, from before a resume or damaged, is moved aside first: directories are not
      // overwritten.
      try files.removeTree(aside.path)
      if files.rename(final.path, aside.path) != 0 && errno != ENOENT { throw systemError(final.path, "rename") }
      if files.rename(temporary.path, final.path) != 0 {
        let error = systemError(final.path, "publish")
        _ = files.rename(aside.path, final.path)
        throw error
      }
      isPublished = true
      try files.syncDirectory(directory.path)
    } catch {
      let free = Self.freeBytes(directory.path)
      // After the rename the replaced checkpoint stays, because it is unknown whether the rename has reached the disk.
      if !isPublished { noting { try files.removeTree(temporary.path) } }
      throw CheckpointError.notWritten(
        checkpoint: name, directory: directory.path, bytes: snapshot.bytesNeeded, free: free, reason: "\(error)")
    }
    noting { try pointLatest(at: name) }
    noting { try prune(upTo: final) }
    return final
  }

  /// Runs a step that no checkpoint depends on; its failure becomes a remark.
  private func noting(_ body: () throws -> Void) {
    do { try body() } catch { remarks.withLock { $0.append("\(error)") } }
  }

  private func pointLatest(at name: String) throws {
    let link = directory.appendingPathComponent("\(Self.temporary)latest-\(getpid())")
    try files.removeTree(link.path)
    if files.symlink(name, link.path) != 0 { throw systemError(link.path, "link") }
    try rename(link, directory.appendingPathComponent(Self.latest))
    try files.syncDirectory(directory.path)
  }

  /// Removes all checkpoints but the newest `keep` and those that end a phase, and removes what was moved aside.
  ///
  /// Later checkpoints than the one just written do not count: a resumed run has skipped them, so they may be damaged.
  private func prune(upTo newest: URL) throws {
    let all = try list()
    let end = all.firstIndex { $0.url.lastPathComponent == newest.lastPathComponent }.map { $0 + 1 } ?? 0
    let older = all[..<end]
    // If the link could not be moved, its target stays until it can be.
    let linked = try? FileManager.default.destinationOfSymbolicLink(
      atPath: directory.appendingPathComponent(Self.latest).path)
    for found in older.dropLast(keep) where found.url.lastPathComponent != linked {
      if let manifest = try? Checkpoint.manifest(of: found.url), manifest.description.endsPhase { continue }
      // A rename first, so that no reader finds the directory half removed.
      let aside = directory.appendingPathComponent("\(Self.temporary)old-\(found.url.lastPathComponent)-\(getpid())")
      try files.removeTree(aside.path)
      try rename(found.url, aside)
    }
    try removeTemporaries()
  }

  private func removeTemporaries() throws {
    for name in try names() where name.hasPrefix(Self.temporary) {
      try files.removeTree(directory.appendingPathComponent(name).path)
    }
  }

  private func rename(_ url: URL, _ other: URL) throws {
    if files.rename(url.path, other.path) != 0 { throw systemError(url.path, "rename") }
  }

  private func names() throws -> [String] {
    guard let names = files.names(directory.path) else { throw systemError(directory.path, "list") }
    return names
  }

  /// Returns the bytes that are free for this user on the directory's disk.
  private static func freeBytes(_ path: String) -> Int? {
    var status = statvfs()
    return statvfs(path, &status) == 0 ? Int(status.f_bavail) * Int(status.f_frsize) : nil
  }
}

extension CheckpointError {
  fileprivate var isOfNewerFormat: Bool {
    if case .newerFormat = self { true } else { false }
  }
}
