// Gradients of large matrices as what they are made of. A dense layer's weight gradient over a shard is a product of two
// thin matrices: the rows of one side's values and the rows of the other side's gradients. Both are kept for all shards of
// this rank, and the sum over shards is computed for any range of the weights when the optimiser, or another rank, wants it.
//
// Why: the gradients of fc6, fc7 and fc6_deconv are nine tenths of all gradients; written once a shard and added again
// they cost memory for five copies and most of the memory traffic of a step. And between ranks the factors are a twentieth
// of the gradients: where they are exchanged, this rank holds those of all shards and computes the sum over all of them.
// The order of operations for an element is fixed, so the bits are the same either way.
import Kernels

/// The factors of all factored gradients of a table, for one minibatch's shards.
///
/// `@unchecked Sendable`: a shard's slot is written before its sums are asked for, by the rank's own thread and its tasks,
/// or by messages that have arrived by then.
package final class GradientFactors: @unchecked Sendable {
  package let table: ParameterTable
  /// Sums over this rank's shards that `sum` makes of parameters that are not exchanged: nodes of the tree.
  package let sums: Int
  /// The first shard whose factors had a NaN, an infinity, or a product beyond `Magnitude.limit`; restarted by `restart`.
  package private(set) var nonFinite: (shard: Int, parameter: Int)?

  private let entries: [Entry]
  private let packed: AlignedMemory
  /// One shard's right factor as rows, on its way from compact form.
  private let unfolded: AlignedMemory
  /// Bounds the packed memory; longer ranges are worked off in several.
  private static let longestRange = 8 << 20

  private struct Entry {
    let parameter: Int
    let name: String
    /// In the flat vector.
    let range: Range<Int>
    let products: FactorProducts
    let left: AlignedMemory
    let right: AlignedMemory
    /// Where the ranks exchange the factors: the right factor of each shard as it travels, and how it unfolds to rows.
    let compact: AlignedMemory?
    let unfolding: Im2Col?
    /// The slot of this rank's first shard.
    let firstSlot: Int

    var compactFloats: Int { compact.map { $0.count / products.shards } ?? 0 }
    var leftFloats: Int { products.rows * products.height }
    var rightFloats: Int { products.rows * products.width }
  }

  /// How the ranks exchange factors.
  package struct Exchange {
    /// Parameters of the table.
    let parameters: Set<Int>
    /// Carries of the whole tree; see `carries`.
    let carries: [Int]
    /// The first of this rank's shards.
    let firstShard: Int
    /// By parameter name: maps that are smaller than the rows which they unfold to.
    let unfoldings: [String: Im2Col]

    package init(parameters: Set<Int>, carries: [Int], firstShard: Int, unfoldings: [String: Im2Col]) {
      (self.parameters, self.carries, self.firstShard, self.unfoldings) = (parameters, carries, firstShard, unfoldings)
    }
  }

  /// - Parameters:
  ///   - rows: of one shard, the same for all layers: one for each image and position.
  ///   - carries: for each of this rank's shards in order, to how many finished sums its own is added.
  ///   - exchange: nil where no factors travel.
  package init(_ table: ParameterTable, rows: Int, carries: [Int], exchange: Exchange? = nil) {
    self.table = table
    sums = carries.count - carries.reduce(0, +)
    entries = table.parameters.indices.filter { table.parameters[$0].gradient == .factored }.map { index in
      let parameter = table.parameters[index]
      let travels = exchange?.parameters.contains(index) ?? false
      let products = FactorProducts(
        rows: rows, height: parameter.shape[0], width: parameter.shape.dropFirst().reduce(1, *),
        merges: travels ? exchange!.carries : carries)
      let unfolding = travels ? exchange?.unfoldings[parameter.name] : nil
      let compactFloats = unfolding.map(\.mapFloats) ?? rows * products.width
      return Entry(
        parameter: index, name: parameter.name, range: table.offsets[index]..<table.offsets[index] + parameter.count,
        products: products, left: AlignedMemory(floats: products.leftFloats, for: .factors),
        right: AlignedMemory(floats: products.rightFloats, for: .factors),
        compact: travels ? AlignedMemory(floats: products.shards * compactFloats, for: .factors) : nil,
        unfolding: unfolding, firstSlot: travels ? exchange!.firstShard : 0)
    }.sorted { $0.range.lowerBound < $1.range.lowerBound }
    packed = AlignedMemory(
      floats: entries.map { $0.products.packedFloats(longestRange: min(Self.longestRange, $0.range.count)) }.max() ?? 0,
      for: .factors)
    unfolded = AlignedMemory(
      floats: entries.filter { $0.unfolding != nil }.map(\.rightFloats).max() ?? 0, for: .factors)
  }

  /// Names of the parameters in the order in which they lie in the vector, and where.
  package var parameters: [(name: String, range: Range<Int>)] { entries.map { ($0.name, $0.range) } }

  /// Keeps a shard's factors: the gradient of the matrix R x S is the transposed left [M][R] times the right [M][S].
  ///
  /// - Parameters:
  ///   - compact: the maps that the right factor was unfolded from, where there are such.
  ///   - shard: counted from this rank's first.
  package func store(
    _ name: String, left: UnsafePointer<Float>, right: UnsafePointer<Float>, compact: UnsafePointer<Float>? = nil,
    shard: Int, _ pool: WorkerPool
  ) {
    guard let entry = entries.first(where: { $0.name == name }) else { preconditionFailure("\(name) is not factored") }
    let products = entry.products
    let (lefts, rights) = (entry.left.pointer, entry.right.pointer)
    let slot = entry.firstSlot + shard
    pool.run(products.storingTasks) { task, _ in
      products.store(left: left, right: right, shard: slot, lefts: lefts, rights: rights, task: task)
    }
    if let memory = entry.compact {
      let source = entry.unfolding == nil ? right : compact
      guard let source else { preconditionFailure("\(name) travels as maps, and none were given") }
      (memory.pointer + slot * entry.compactFloats).update(from: source, count: entry.compactFloats)
    }
    check(entry, left, right, shard)
  }

  /// A product of finite factors can only be too large where the factors' own sizes are.
  private func check(_ entry: Entry, _ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>, _ shard: Int) {
    let bound =
      Magnitude.largest(left, count: entry.leftFloats) * Magnitude.largest(right, count: entry.rightFloats)
      * Float(entry.products.rows)
    // 0 times infinity is NaN: no bound either.
    if nonFinite == nil, !(bound <= Magnitude.limit) { nonFinite = (shard, entry.parameter) }
  }

  /// Begins the next minibatch.
  package func restart() { nonFinite = nil }

  /// A word of one shard's factors of a parameter, for those who look for a faulty processor; shards are counted from this
  /// rank's first.
  package func word(_ parameter: Int, shard: Int) -> UInt64 {
    guard let entry = entries.first(where: { $0.parameter == parameter }) else { preconditionFailure("not factored") }
    let products = entry.products
    let slot = entry.firstSlot + shard
    var word = GradientChecksum()
    word.add(entry.left.pointer + slot * entry.leftFloats, count: entry.leftFloats)
    let panel = entry.products.panelFloats
    for index in 0..<products.rightFloats / (panel * products.shards) {
      word.add(entry.right.pointer + (index * products.shards + slot) * panel, count: panel)
    }
    return word.value
  }

  // MARK: Between ranks

  /// Whether the factors of a parameter travel, so that their sums are over all shards of the minibatch.
  package func travels(_ parameter: Int) -> Bool { entries.contains { $0.parameter == parameter && $0.compact != nil } }

  /// The memory of one shard's factors as they travel; shards are counted from the minibatch's first.
  package func travelling(_ parameter: Int, shard: Int) -> [(values: UnsafeMutablePointer<Float>, count: Int)] {
    guard let entry = entries.first(where: { $0.parameter == parameter }), let compact = entry.compact else {
      preconditionFailure("factors of parameter \(parameter) do not travel")
    }
    return [
      (entry.left.pointer + shard * entry.leftFloats, entry.leftFloats),
      (compact.pointer + shard * entry.compactFloats, entry.compactFloats),
    ]
  }

  /// Takes another rank's factors of one shard, which have arrived in `travelling`.
  package func unpack(_ parameter: Int, shard: Int, _ pool: WorkerPool) {
    guard let entry = entries.first(where: { $0.parameter == parameter }), let compact = entry.compact else {
      preconditionFailure("factors of parameter \(parameter) do not travel")
    }
    let (products, lefts, rights) = (entry.products, entry.left.pointer, entry.right.pointer)
    var right = UnsafePointer(compact.pointer + shard * entry.compactFloats)
    if let unfolding = entry.unfolding {
      let (maps, rows) = (right, unfolded.pointer)
      pool.run(unfolding.tasks) { task, _ in unfolding.unfold(maps, into: rows, task: task) }
      right = UnsafePointer(rows)
    }
    let source = right
    pool.run(products.rightStoringTasks) { task, _ in
      products.store(left: lefts, right: source, shard: shard, lefts: lefts, rights: rights, task: task)
    }
  }

  // MARK: Sums

  /// The gradients of a range of the flat vector, summed over each of this rank's nodes of the tree; of parameters whose
  /// factors travel, over all shards. All shards are stored.
  ///
  /// - Parameter outputs: for each sum where the range's first float goes. What belongs to no factored parameter is left
  ///   as it is.
  package func sum(_ range: Range<Int>, into outputs: [UnsafeMutablePointer<Float>], _ pool: WorkerPool) {
    for entry in entries {
      let wanted = entry.range.clamped(to: range)
      if wanted.isEmpty { continue }
      let sums = entry.products.sums
      precondition(outputs.count == sums, "\(outputs.count) places for \(sums) sums of \(entry.name)")
      for first in stride(from: wanted.lowerBound, to: wanted.upperBound, by: Self.longestRange) {
        let part = first..<min(first + Self.longestRange, wanted.upperBound)
        let own = part.lowerBound - entry.range.lowerBound..<part.upperBound - entry.range.lowerBound
        let (products, packed) = (entry.products, packed.pointer)
        let (lefts, rights) = (entry.left.pointer, entry.right.pointer)
        pool.run(products.packingTasks) { task, _ in products.pack(lefts, range: own, into: packed, task: task) }
        withUnsafeTemporaryAllocation(of: UnsafeMutablePointer<Float>.self, capacity: sums) { places in
          for sum in 0..<sums { places[sum] = outputs[sum] + (part.lowerBound - range.lowerBound) }
          pool.run(products.tasks) { task, worker in
            products.apply(
              packed: packed, rights: rights, range: own, into: UnsafePointer(places.baseAddress!), task: task,
              scratch: pool.scratch(worker, floats: products.scratchFloats))
          }
        }
      }
    }
  }
}
