// RUN/checkpoints: written so that a kill at any moment leaves the older ones whole, and found again by itself.
//
// A checkpoint is written under a temporary name in the same directory, made durable, read back, and renamed. What carries
// its final name is therefore complete, unless the disk fails later; sizes and SHA-256 tell. Then the link `latest`, which
// is there for people and scripts, moves on.
import Foundation
import Synchronization

/// The checkpoints of one run. One process writes (rank 0's); any may read.
///
/// `@unchecked Sendable`: what changes is behind `failure` and `remarks`; at most one writer runs, on `queue`.
package final class CheckpointStore: @unchecked Sendable {
  package let directory: URL
  /// How many of the newest stay, beside those that end a phase.
  package let keep: Int
  /// In the order of training: which of two phases is later.
  package let phases: [String]
  private let level: Int
  private let threads: Int
  private let files: FileLayer

  private let queue = DispatchQueue(label: "checkpoint writer")
  private let failure = Mutex<String?>(nil)
  private let remarks = Mutex<[String]>([])
  private let writeSeconds = Mutex(0.0)

  private static let temporary = ".tmp-"
  /// Of a checkpoint that gives way to another of the same name.
  private static let replaced = ".tmp-replaced-"
  /// A symbolic link to the newest checkpoint.
  package static let latest = "latest"

  package init(
    _ directory: URL, keep: Int, phases: [String] = ["classification", "segmentation"], level: Int = 1,
    threads: Int = 2,
    files: FileLayer = .system
  ) {
    precondition(keep >= 1, "a store keeps at least one checkpoint, not \(keep)")
    self.directory = directory
    self.keep = keep
    self.phases = phases
    self.level = level
    self.threads = threads
    self.files = files
  }

  /// Creates the directory and removes what killed runs left half written. For the writing process, before the first write.
  package func prepare() throws {
    do {
      try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    } catch {
      throw CheckpointError.file(path: directory.path, operation: "create", reason: "\(error.localizedDescription)")
    }
    let names = try names()
    for name in names where name.hasPrefix(Self.replaced) {
      // Killed between two renames: the old checkpoint is the only one of its name.
      let parts = name.dropFirst(Self.replaced.count).split(separator: "-").dropLast()
      let own = parts.joined(separator: "-")
      if !names.contains(own) {
        try rename(directory.appendingPathComponent(name), directory.appendingPathComponent(own))
      }
    }
    try removeTemporaries()
  }

  /// What went wrong beside the checkpoints themselves, such as an old one that cannot be removed; each is told once.
  package func takeRemarks() -> [String] {
    remarks.withLock { remarks in
      defer { remarks = [] }
      return remarks
    }
  }

  // MARK: Diagnostic

  /// A directory that carries a checkpoint's name.
  package struct Found: Sendable, Equatable {
    package let url: URL
    package let phase: String
    package let iteration: Int
  }

  /// All checkpoints by name, oldest first; none has been opened.
  package func list() throws -> [Found] {
    guard FileManager.default.fileExists(atPath: directory.path) else { return [] }
    return try names().compactMap { name -> Found? in
      guard let dash = name.lastIndex(of: "-"), let iteration = Int(name[name.index(after: dash)...]),
        phases.contains(String(name[..<dash]))
      else { return nil }
      return Found(url: directory.appendingPathComponent(name), phase: String(name[..<dash]), iteration: iteration)
    }.sorted { (phases.firstIndex(of: $0.phase)!, $0.iteration) < (phases.firstIndex(of: $1.phase)!, $1.iteration) }
  }

  /// The newest checkpoint whose files are whole, and those newer ones that were passed over, each with the reason.
  /// One of a later format is not passed over: the run has gone further than this dnet can follow.
  package func newestValid(phase: String? = nil) throws -> (
    checkpoint: Checkpoint?, skipped: [(url: URL, reason: String)]
  ) {
    var skipped: [(url: URL, reason: String)] = []
    for found in try list().reversed() where phase == nil || found.phase == phase {
      do {
        let checkpoint = try Checkpoint(verifying: found.url)
        let description = checkpoint.description
        guard description.phase == found.phase, description.iteration == found.iteration else {
          skipped.append((found.url, "its manifest speaks of \(description.name)"))
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

  /// Writes a checkpoint and returns when it is durable. Reports first what went wrong in the background.
  @discardableResult
  package func write(_ snapshot: CheckpointSnapshot) throws -> URL {
    try waitForWriter()
    return try publish(snapshot)
  }

  /// Starts writing a checkpoint and returns; waits first for the one before, and reports its failure.
  package func writeInBackground(_ snapshot: CheckpointSnapshot) throws {
    try waitForWriter()
    queue.async {
      do { try self.publish(snapshot) } catch { self.failure.withLock { $0 = "\(error)" } }
    }
  }

  /// Returns when nothing is being written; throws, once, if the last checkpoint in the background failed.
  package func waitForWriter() throws {
    queue.sync {}
    let text = failure.withLock { text in
      defer { text = nil }
      return text
    }
    if let text { throw CheckpointError.background(text) }
  }

  /// Seconds that the last write took; 0 before the first.
  package var lastSeconds: Double { writeSeconds.withLock { $0 } }

  @discardableResult
  private func publish(_ snapshot: CheckpointSnapshot) throws -> URL {
    let began = DispatchTime.now().uptimeNanoseconds
    defer { writeSeconds.withLock { $0 = Double(DispatchTime.now().uptimeNanoseconds - began) * 1e-9 } }
    defer { try? snapshot.finish() }
    let name = snapshot.description.name
    precondition(phases.contains(snapshot.description.phase), "no phase is called \(snapshot.description.phase)")
    let final = directory.appendingPathComponent(name)
    let temporary = directory.appendingPathComponent("\(Self.temporary)\(name)-\(getpid())")
    let aside = directory.appendingPathComponent("\(Self.replaced)\(name)-\(getpid())")
    var isPublished = false
    do {
      try files.removeTree(temporary.path)
      if files.mkdir(temporary.path) != 0 { throw systemError(temporary.path, "create") }
      try snapshot.write(into: temporary, level: level, threads: threads, files: files)
      // One that is there already, from before a resume or damaged, gives way first: a full directory is never overwritten.
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
      // Once it has its name, what gave way stays set aside: whether the renames have reached the disk is not known.
      if !isPublished { noting { try files.removeTree(temporary.path) } }
      throw CheckpointError.notWritten(
        checkpoint: name, directory: directory.path, bytes: snapshot.bytesNeeded, free: free, reason: "\(error)")
    }
    noting { try pointLatest(at: name) }
    noting { try prune(upTo: final) }
    return final
  }

  /// Does what no checkpoint depends on; a failure becomes a remark.
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

  /// Removes all but the newest `keep` and those that end a phase, and what was set aside.
  ///
  /// Later ones than the one just written do not count: a resumed run has passed over them, so they may be damaged.
  private func prune(upTo newest: URL) throws {
    let all = try list()
    let end = all.firstIndex { $0.url.lastPathComponent == newest.lastPathComponent }.map { $0 + 1 } ?? 0
    let older = all[..<end]
    // Where the link could not move, what it points at stays until it can.
    let linked = try? FileManager.default.destinationOfSymbolicLink(
      atPath: directory.appendingPathComponent(Self.latest).path)
    for found in older.dropLast(keep) where found.url.lastPathComponent != linked {
      if let manifest = try? Checkpoint.manifest(of: found.url), manifest.description.endsPhase { continue }
      // Its name goes first and at once, so that nobody finds it half removed.
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

  /// Bytes that the directory's disk has left for this user.
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
