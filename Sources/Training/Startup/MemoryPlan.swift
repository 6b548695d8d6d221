// How much memory each phase takes on one rank. Nothing is estimated here that the run itself makes: the plan makes the same
// objects, whose pages the system provides only when they are written, and counts what they have asked for.
import Batches
import Cluster
import Foundation
import Images
import Networks
import Compute
import Support

struct MemoryPlan {
  /// Bytes of each kind, in the order of the table.
  let rows: [(name: String, bytes: Int)]
  var sum: Int { rows.reduce(0) { $0 + $1.bytes } }

  /// The plan of this rank.
  init(
    _ phase: Phase, _ configuration: Configuration, _ data: TrainingData, _ communicator: Communicator,
    speed: FactorChoice.Speed?
  ) throws {
    let before = MemoryUse.current
    let context = ExecutionContext(workers: WorkerPool(threads: 1), convolution: configuration.convolution)
    let net = DecoupledNet(configuration.shape, scoreMultiplier: configuration.scoreRateMultiplier)
    let work = try PhaseResources(phase, configuration, net, communicator, context, speed: speed)
    let snapshot = SnapshotMemory(phase, net, work.optimizer, work.reduction.plan.owned, communicator, context.workers)
    let batches = (0..<PhaseResources.shardsAhead(work.sums.shards)).map { _ in
      ShardBatch(
        examples: configuration.shardSize, size: configuration.shape.inputSize, classes: configuration.shape.classes)
    }
    let after = withExtendedLifetime((work, snapshot, batches, context.workspace)) { MemoryUse.current }
    var rows = MemoryUse.allCases.map { (name: $0.name, bytes: (after[$0] ?? 0) - (before[$0] ?? 0)) }
    rows.append(("pictures kept", Self.pictureBytes(phase, configuration, data)))
    rows.append(("program", Self.programBytes))
    self.rows = rows
  }

  /// One line for each kind, one column for each rank.
  static func table(_ columns: [[Int]], names: [String]) -> [String] {
    let rows = names.indices.map { index in (names[index], columns.map { $0[index] }) }
    return TextTable.lines(
      (rows + [("sum (MiB)", columns.map { $0.reduce(0, +) })]).map { name, bytes in
        [name] + bytes.map { "\($0 >> 20)" }
      }, indent: 2)
  }

  /// What the cache of decoded pictures comes to, from the first few of the list.
  private static func pictureBytes(_ phase: Phase, _ configuration: Configuration, _ data: TrainingData) -> Int {
    let (images, channels) = phase == .classification ? (data.weak, 3) : (data.strong, 4)
    let pixels = images.prefix(16).compactMap { image -> Int? in
      guard let photograph = try? data.store.photograph(image) else { return nil }
      return photograph.width * photograph.height
    }
    guard !pixels.isEmpty else { return 0 }
    let mean = pixels.reduce(0, +) * channels / pixels.count
    return min(configuration.cacheBytes, mean * images.count)
  }

  /// What is resident before anything is trained: code, libraries, lists.
  private static var programBytes: Int {
    let fields = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ") ?? []
    return fields.count > 1 ? (Int(fields[1]) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE))) : 0
  }
}
