// The gradients of large matrices, stored as factors. A dense layer's weight gradient over a shard is the product of
// two thin matrices: rows of values and rows of gradients. Both are kept for all shards of this rank, and the sum over
// shards is computed for any range of the weights when the optimizer or another rank needs it.
//
// The gradients of fc6, fc7 and fc6_deconv are nine tenths of all gradients. Written for each shard and added, they
// would take memory for five copies and most of a step's memory traffic. The factors are a twentieth of their size:
// where ranks exchange them, this rank holds those of all shards and computes the sum over all of them. The order of
// operations for an element is fixed, so the bits are the same either way.
import Kernels

/// The factors of all factored gradients of a table, for one minibatch's shards.
///
/// `@unchecked Sendable`: a shard's slot is written before its sums are computed, by the rank's own thread and its
/// tasks, or by messages that have arrived by then.
package final class GradientFactors: @unchecked Sendable {
  package let table: ParameterTable
  /// The number of sums over this rank's shards, one for each node of the tree, that `sum` computes for a parameter
  /// that is not exchanged.
  package let sums: Int
  /// The first shard whose factors had a NaN, an infinity, or a product beyond `Magnitude.limit`; reset by `restart`.
  package private(set) var nonFinite: (shard: Int, parameter: Int)?

  private let entries: [Entry]
  private let packed: AlignedMemory
  /// The rows of one shard's right factor while they are unfolded from compact form.
  private let unfolded: AlignedMemory
  /// The longest range that is computed at once, which bounds the packed memory.
  private static let longestRange = 8 << 20

  private struct Entry {
    let parameter: Int
    let name: String
    /// The parameter's place in the flat vector.
    let range: Range<Int>
    let products: FactorProducts
    let left: AlignedMemory
    let right: AlignedMemory
    /// The right factor of each shard as it is sent; nil unless the ranks exchange the factors.
    let compact: AlignedMemory?
    /// The unfolding of a right factor that is sent as maps.
    let unfolding: Im2Col?
    /// The slot of this rank's first shard.
    let firstSlot: Int

    var compactFloats: Int { compact.map { $0.count / products.shards } ?? 0 }
    var leftFloats: Int { products.rows * products.height }
    var rightFloats: Int { products.rows * products.width }
  }

  /// The exchange of factors between ranks.
  package struct Exchange {
    /// The positions in the table of the parameters whose factors are exchanged.
    let parameters: Set<Int>
    /// The pending merges of all shards of the minibatch, as in `GradientFactors.init`.
    let pendingMerges: [Int]
    /// The first of this rank's shards.
    let firstShard: Int
    /// Unfoldings by parameter name, for factors that are sent as maps, which are smaller than their rows.
    let unfoldings: [String: Im2Col]

    package init(parameters: Set<Int>, pendingMerges: [Int], firstShard: Int, unfoldings: [String: Im2Col]) {
      self.parameters = parameters
      self.pendingMerges = pendingMerges
      self.firstShard = firstShard
      self.unfoldings = unfoldings
    }
  }

  /// - Parameters:
  ///   - rows: the rows of one shard, one for each image and position; the same for all layers.
  ///   - pendingMerges: for each of this rank's shards in order, the number of finished sums that its own is added to.
  ///   - exchange: nil where the ranks exchange no factors.
  package init(_ table: ParameterTable, rows: Int, pendingMerges: [Int], exchange: Exchange? = nil) {
    self.table = table
    sums = pendingMerges.count - pendingMerges.reduce(0, +)
    entries = table.parameters.indices.filter { table.parameters[$0].gradient == .factored }.map { index in
      let parameter = table.parameters[index]
      let isExchanged = exchange?.parameters.contains(index) ?? false
      let products = FactorProducts(
        rows: rows, height: parameter.shape[0], width: parameter.shape.dropFirst().reduce(1, *),
        merges: isExchanged ? exchange!.pendingMerges : pendingMerges)
      let unfolding = isExchanged ? exchange?.unfoldings[parameter.name] : nil
      let compactFloats = unfolding.map(\.mapFloats) ?? rows * products.width
      return Entry(
        parameter: index, name: parameter.name, range: table.offsets[index]..<table.offsets[index] + parameter.count,
        products: products, left: AlignedMemory(floats: products.leftFloats, for: .factors),
        right: AlignedMemory(floats: products.rightFloats, for: .factors),
        compact: isExchanged ? AlignedMemory(floats: products.shards * compactFloats, for: .factors) : nil,
        unfolding: unfolding, firstSlot: isExchanged ? exchange!.firstShard : 0)
    }.sorted { $0.range.lowerBound < $1.range.lowerBound }
    packed = AlignedMemory(
      floats: entries.map { $0.products.packedFloats(longestRange: min(Self.longestRange, $0.range.count)) }.max() ?? 0,
      for: .factors)
    unfolded = AlignedMemory(
      floats: entries.filter { $0.unfolding != nil }.map(\.rightFloats).max() ?? 0, for: .factors)
  }

  /// The names and places of the parameters, in their order in the vector.
  package var parameters: [(name: String, range: Range<Int>)] { entries.map { ($0.name, $0.range) } }

  /// Stores a shard's factors: the gradient of the matrix R x S is the transposed left [M][R] times the right [M][S].
  ///
  /// - Parameters:
  ///   - compact: the maps that the right factor was unfolded from; nil where it was not unfolded.
  ///   - shard: the shard's number, counted from this rank's first.
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
    check(entry, left: left, right: right, shard: shard)
  }

  /// Records a shard whose gradient may not be finite. The bound is on the factors' own sizes, which no product
  /// exceeds.
  private func check(_ entry: Entry, left: UnsafePointer<Float>, right: UnsafePointer<Float>, shard: Int) {
    let bound =
      Magnitude.largest(left, count: entry.leftFloats) * Magnitude.largest(right, count: entry.rightFloats)
      * Float(entry.products.rows)
    // 0 times infinity is NaN, which is not below the limit either.
    if nonFinite == nil, !(bound <= Magnitude.limit) { nonFinite = (shard, entry.parameter) }
  }

  /// Begins the next minibatch.
  package func restart() { nonFinite = nil }

  /// The checksum of one shard's factors of a parameter, for the search for a faulty processor. Shards are counted from
  /// this rank's first.
  package func checksum(_ parameter: Int, shard: Int) -> UInt64 {
    guard let entry = entries.first(where: { $0.parameter == parameter }) else { preconditionFailure("not factored") }
    let products = entry.products
    let slot = entry.firstSlot + shard
    var checksum = GradientChecksum()
    checksum.add(entry.left.pointer + slot * entry.leftFloats, count: entry.leftFloats)
    let panel = entry.products.panelFloats
    for index in 0..<products.rightFloats / (panel * products.shards) {
      checksum.add(entry.right.pointer + (index * products.shards + slot) * panel, count: panel)
    }
    return checksum.value
  }

  // MARK: Between ranks

  /// True for a parameter whose factors the ranks exchange, so that its sums are over all shards of the minibatch.
  package func isExchanged(_ parameter: Int) -> Bool {
    entries.contains { $0.parameter == parameter && $0.compact != nil }
  }

  /// The memory of one shard's factors as they are sent. Shards are counted from the minibatch's first.
  package func exchangedMemory(_ parameter: Int, shard: Int) -> [(values: UnsafeMutablePointer<Float>, count: Int)] {
    guard let entry = entries.first(where: { $0.parameter == parameter }), let compact = entry.compact else {
      preconditionFailure("factors of parameter \(parameter) are not exchanged")
    }
    return [
      (entry.left.pointer + shard * entry.leftFloats, entry.leftFloats),
      (compact.pointer + shard * entry.compactFloats, entry.compactFloats),
    ]
  }

  /// Stores another rank's factors of one shard, which have arrived in `exchangedMemory`.
  package func unpack(_ parameter: Int, shard: Int, _ pool: WorkerPool) {
    guard let entry = entries.first(where: { $0.parameter == parameter }), let compact = entry.compact else {
      preconditionFailure("factors of parameter \(parameter) are not exchanged")
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

  /// Computes the gradients of a range of the flat vector, summed over each of this rank's nodes of the tree, or over
  /// all shards for parameters whose factors are exchanged. All shards must be stored.
  ///
  /// - Parameter outputs: the place of the range's first float for each sum. Floats that belong to no factored
  ///   parameter stay as they are.
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
