// RUN/checkpoints: written so that a kill at any moment leaves the older ones whole, and found again by itself.
//
// A checkpoint is written under a temporary name in the same directory, made durable, and renamed. What carries its
// final name is therefore complete, unless the disk itself failed; sizes and SHA-256 tell.
import Foundation
import Synchronization

/// The checkpoints of one run. One process writes (rank 0's); any may read.
///
/// `@unchecked Sendable`: what changes is behind `failure`; at most one writer runs, on `queue`.
package final class CheckpointStore: @unchecked Sendable {
  package let directory: URL
  /// How many of the newest stay, beside those that end a phase.
  package let keep: Int
  /// In the order of training: which of two phases is later.
  package let phases: [String]
  private let level: Int
  private let threads: Int

  private let queue = DispatchQueue(label: "checkpoint writer")
  private let failure = Mutex<String?>(nil)
  private let writeSeconds = Mutex(0.0)

  private static let temporary = ".tmp-"

  package init(
    _ directory: URL, keep: Int, phases: [String] = ["classification", "segmentation"], level: Int = 3, threads: Int = 0
  ) {
    precondition(keep >= 1, "a store keeps at least one checkpoint, not \(keep)")
    self.directory = directory
    self.keep = keep
    self.phases = phases
    self.level = level
    self.threads = threads
  }

  /// Creates the directory and removes what killed runs left half written. For the writing process, before the first write.
  package func prepare() throws {
    do {
      try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    } catch {
      throw CheckpointError.file(path: directory.path, operation: "create", reason: "\(error.localizedDescription)")
    }
    for name in try names() where name.hasPrefix(Self.temporary) { try remove(directory.appendingPathComponent(name)) }
  }

  // MARK: Finding

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
  package func newestValid(phase: String? = nil) throws -> (checkpoint: Checkpoint?, skipped: [(url: URL, reason: String)]) {
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
    do {
      try remove(temporary)
      if mkdir(temporary.path, 0o755) != 0 { throw systemError(temporary.path, "create") }
      try snapshot.write(into: temporary, level: level, threads: threads)
      // One that is there already, from before a resume or damaged, gives way first: a full directory is never overwritten.
      try setAside(final)
      if rename(temporary.path, final.path) != 0 { throw systemError(final.path, "publish") }
      try syncDirectory(directory.path)
    } catch {
      try? remove(temporary)
      throw error
    }
    try prune(upTo: final)
    return final
  }

  /// Removes all but the newest `keep` and those that end a phase, and what was set aside.
  ///
  /// Later ones than the one just written do not count: a resumed run has passed over them, so they may be damaged.
  private func prune(upTo newest: URL) throws {
    let all = try list()
    let end = all.firstIndex { $0.url.lastPathComponent == newest.lastPathComponent }.map { $0 + 1 } ?? 0
    let older = all[..<end]
    for found in older.dropLast(keep) {
      if let manifest = try? Checkpoint.manifest(of: found.url), manifest.description.endsPhase { continue }
      try setAside(found.url)
    }
    for name in try names() where name.hasPrefix(Self.temporary) { try remove(directory.appendingPathComponent(name)) }
  }

  /// Takes a checkpoint's name away at once, so that nobody finds it half removed.
  private func setAside(_ url: URL) throws {
    let aside = directory.appendingPathComponent("\(Self.temporary)old-\(url.lastPathComponent)-\(getpid())")
    try remove(aside)
    if rename(url.path, aside.path) != 0 && errno != ENOENT { throw systemError(url.path, "rename") }
  }

  private func names() throws -> [String] {
    do {
      return try FileManager.default.contentsOfDirectory(atPath: directory.path)
    } catch {
      throw CheckpointError.file(path: directory.path, operation: "list", reason: error.localizedDescription)
    }
  }

  private func remove(_ url: URL) throws {
    guard FileManager.default.fileExists(atPath: url.path) else { return }
    do {
      try FileManager.default.removeItem(at: url)
    } catch {
      throw CheckpointError.file(path: url.path, operation: "remove", reason: error.localizedDescription)
    }
  }
}
