// The memory that each phase takes on one rank. The plan does not estimate it: it makes the same objects as a run and
// counts the bytes that they have allocated. The system provides no page before it is written.
import Batches
import Cluster
import Compute
import Foundation
import Images
import Models
import Support

struct MemoryPlan {
  /// The bytes of each kind, in the order of the table.
  let rows: [(name: String, bytes: Int)]
  var sum: Int { rows.reduce(0) { $0 + $1.bytes } }

  /// Makes the plan of this rank.
  init(
    _ phase: PhaseSpec, configuration: Configuration, data: TrainingData, communicator: Communicator,
    speed: ClusterSpeed?
  ) throws {
    let before = MemoryUse.current
    let context = ExecutionContext(workers: WorkerPool(threads: 1), convolution: configuration.convolution)
    let model = configuration.makeModel()
    let work = try PhaseResources(
      phase, configuration: configuration, model: model, communicator: communicator, context: context, speed: speed)
    let snapshot = SnapshotMemory(
      phase, model: model, optimizer: work.optimizer, owned: work.reduction.plan.owned, communicator: communicator,
      pool: context.workers)
    let batches = (0..<PhaseResources.shardsAhead(work.sums.shards)).map { _ in
      ShardBatch(
        examples: configuration.shardSize, size: configuration.shape.inputSize, classes: configuration.shape.classes)
    }
    let after = withExtendedLifetime((work, snapshot, batches, context.workspace)) { MemoryUse.current }
    var rows = MemoryUse.allCases.map { (name: $0.name, bytes: (after[$0] ?? 0) - (before[$0] ?? 0)) }
    rows.append(("images kept", Self.imageBytes(phase, configuration, data)))
    rows.append(("program", Self.programBytes))
    self.rows = rows
  }

  /// Returns a table with a line for each kind and a column for each rank.
  static func table(_ columns: [[Int]], names: [String]) -> [String] {
    let rows = names.indices.map { index in (names[index], columns.map { $0[index] }) }
    return TextTable.lines(
      (rows + [("sum (MiB)", columns.map { $0.reduce(0, +) })]).map { name, bytes in
        [name] + bytes.map { "\($0 >> 20)" }
      }, indent: 2)
  }

  /// The bytes of the cache of decoded images, extrapolated from the first images of the list.
  private static func imageBytes(_ phase: PhaseSpec, _ configuration: Configuration, _ data: TrainingData) -> Int {
    let (images, channels) = phase.examples.usesMasks ? (data.masked, 4) : (data.labelled, 3)
    let pixels = images.prefix(16).compactMap { image -> Int? in
      guard let photograph = try? data.store.photograph(image) else { return nil }
      return photograph.width * photograph.height
    }
    guard !pixels.isEmpty else { return 0 }
    let mean = pixels.reduce(0, +) * channels / pixels.count
    return min(configuration.cacheBytes, mean * images.count)
  }

  /// The bytes that are resident before training: code, libraries and lists.
  private static var programBytes: Int {
    let fields = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ") ?? []
    return fields.count > 1 ? (Int(fields[1]) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE))) : 0
  }
}
