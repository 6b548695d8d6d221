// The replay of a run for `dnet verify`. It computes a range of a run's iterations again, on any number of ranks, and
// names the first iteration, layer and shard that differ from the run's log, so that a faulty node can be found.
import Checkpoints
import Cluster
import Foundation

package struct Replay {
  /// The extent of a comparison, and the first difference.
  package struct Result: Equatable, Sendable {
    /// The number of iterations that were computed again, over all phases.
    package var iterations: Int
    /// The number of these iterations whose weights had a digest in the log.
    package var digests: Int
    /// The first difference; nil where everything agrees.
    package var difference: String?
  }

  private let run: String
  private let scratch: String
  private let communicator: Communicator

  /// - Parameters:
  ///   - run: the run's directory.
  ///   - scratch: the folder for the replay's log; removed at its end.
  package init(_ run: String, scratch: String, _ communicator: Communicator) {
    self.run = run
    self.scratch = scratch
    self.communicator = communicator
  }

  /// Computes iterations again and compares them with the log. Iterations are counted over all phases, from 1.
  /// Collective.
  ///
  /// - Parameters:
  ///   - first: the first iteration; nil for the first of the log.
  ///   - last: the last iteration; nil for the last of the log.
  ///   - settings: new values of the form `key=value` for keys that may differ from the run's, such as `data.root` and
  ///     `threads`.
  package func compare(from first: Int?, to last: Int?, settings: [String], say: @escaping (String) -> Void) throws
    -> Result
  {
    let isFirst = communicator.rank == 0
    let (configuration, plan) = try communicator.rethrowOnAllRanks {
      let recorded = try Configuration(file: "\(run)/config.yaml")
      let configuration = try Configuration(
        file: "\(run)/config.yaml", settings: ["checkpoint.every=0", "cluster.reportEvery=0"] + settings)
      if let (key, here, there) = configuration.difference(from: recorded) {
        throw ReplayError.differentRun(key: key, here: here, there: there)
      }
      return (configuration, isFirst ? try self.plan(configuration, first, last) : nil)
    }
    let range = try communicator.allGather([plan?.first ?? 0, plan?.last ?? 0])[0]
    let start = try communicator.broadcast(plan?.checkpoint?.path ?? "", from: 0)
    if isFirst {
      say(
        "computing iterations \(range[0]) to \(range[1]) again on \(communicator.size) ranks, "
          + (start.isEmpty ? "from the beginning" : "from \(start)"))
    }
    var options = TrainingOptions(output: scratch)
    options.resume = start.isEmpty ? .never : .from(start)
    options.maxIterations = range[1]
    options.isReplay = true
    options.chain = plan?.chain
    defer { if isFirst { try? FileManager.default.removeItem(atPath: scratch) } }
    _ = try TrainingLoop(configuration, options, communicator).train()
    return try communicator.rethrowOnAllRanks {
      isFirst ? compareLogs(configuration, to: range[1]) : Result(iterations: 0, digests: 0)
    }
  }

  private struct Plan {
    let first: Int
    let last: Int
    let checkpoint: URL?
    let chain: String?
  }

  /// Plans to begin at the newest whole checkpoint before the first requested iteration.
  private func plan(_ configuration: Configuration, _ first: Int?, _ last: Int?) throws -> Plan {
    let lines = VerificationLog.read(RunDirectory(run).verification)
    guard let newest = lines.last else { throw ReplayError.noLog(run: run) }
    let end = last ?? total(newest, configuration)
    let begin = first ?? total(lines[0], configuration)
    guard begin >= 1, begin <= end, end <= total(newest, configuration) else {
      throw ReplayError.range(from: begin, to: end, last: total(newest, configuration))
    }
    let store = CheckpointStore(
      URL(fileURLWithPath: RunDirectory(run).checkpoints), keep: 1, phases: configuration.phases.map(\.name))
    for found in try store.list().reversed() {
      let done = configuration.total(found.phase, found.iteration)
      // A checkpoint at a phase's end is used where the next phase begins.
      guard done < begin, (try? Checkpoint(verifying: found.url)) != nil else { continue }
      let before = lines.last { $0.digest != nil && total($0, configuration) <= done }
      return Plan(first: begin, last: end, checkpoint: found.url, chain: before?.digest)
    }
    return Plan(first: begin, last: end, checkpoint: nil, chain: nil)
  }

  private func total(_ line: VerificationLine, _ configuration: Configuration) -> Int {
    configuration.total(line.phase, line.iteration)
  }

  private func compareLogs(_ configuration: Configuration, to last: Int) -> Result {
    let recorded = VerificationLog.read(RunDirectory(run).verification)
    let again = Dictionary(
      VerificationLog.read(RunDirectory(scratch).verification).map { (total($0, configuration), $0) },
      uniquingKeysWith: { $1 })
    var result = Result(iterations: again.count, digests: 0)
    // Compares from the checkpoint on: a difference before the range is the cause of those within it.
    for line in recorded where total(line, configuration) <= last {
      guard let now = again[total(line, configuration)] else { continue }
      if line.digest != nil && now.digest != nil { result.digests += 1 }
      if let text = Self.difference(line, now) {
        result.difference = text
        break
      }
    }
    return result
  }

  /// Returns the first difference of two lines of one iteration: losses come first, then gradients, then weights.
  static func difference(_ recorded: VerificationLine, _ now: VerificationLine) -> String? {
    let place = "iteration \(recorded.iteration) of the \(recorded.phase) phase"
    func host(_ shard: Int) -> String { shard < recorded.hosts.count ? recorded.hosts[shard] : "an unknown host" }
    if let shard = recorded.losses.indices.first(where: {
      $0 >= now.losses.count || recorded.losses[$0] != now.losses[$0]
    }) {
      let found = shard < now.losses.count ? "\(now.losses[shard])" : "none"
      return
        "\(place): the loss of shard \(shard), then on \(host(shard)), is \(recorded.losses[shard]) in the log and "
        + "\(found) now: its forward pass differs, or the weights or data before it"
    }
    if let before = recorded.gradients, let after = now.gradients {
      // Layers are in backward order, and a fault spreads to those after it, so the first difference is its origin.
      let differing = zip(before, after).filter { $0 != $1 }
      if let (was, computed) = differing.first {
        let shard = zip(was.words, computed.words).enumerated().first { $0.element.0 != $0.element.1 }?.offset ?? 0
        return
          "\(place): the gradient of \(was.layer) in shard \(shard), then on \(host(shard)), differs, with equal "
          + "losses; so do \(differing.count - 1) other layers of \(before.count)"
      }
    }
    if let before = recorded.weightsDigest, let after = now.weightsDigest, before != after {
      let equal = recorded.gradients == nil ? "losses" : "losses and gradients"
      return
        "\(place): the weights' digest is \(before) in the log and \(after) now, with equal \(equal): "
        + "an update or its transfer differs"
    }
    if let before = recorded.digest, let after = now.digest, before != after {
      return
        "\(place): the chained digest is \(before) in the log and \(after) now: "
        + "the log before it, the configuration or the data's order differs"
    }
    return nil
  }
}

package enum ReplayError: Error, Equatable, CustomStringConvertible {
  case noLog(run: String)
  case range(from: Int, to: Int, last: Int)
  case differentRun(key: String, here: String, there: String)

  package var description: String {
    switch self {
    case .noLog(let run):
      "\(run) has no verification.jsonl with lines: name a run's directory; a run with verify.every=0 writes none"
    case .range(let from, let to, let last):
      "iterations \(from) to \(to) are no part of the run's 1 to \(last): change --from and --to"
    case .differentRun(let key, let here, let there):
      "--set \(key)=\(here): the run has \(there), and the key changes weights; leave it out"
    }
  }
}
