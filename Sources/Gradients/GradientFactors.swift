// Gradients of large matrices as what they are made of. A dense layer's weight gradient over a shard is a product of two
// thin matrices: the rows of one side's values and the rows of the other side's gradients. Both are kept for all shards of
// this rank, and the sum over shards is computed for any range of the weights when the optimiser, or another rank, wants it.
//
// Why: the gradients of fc6, fc7 and fc6_deconv are nine tenths of all gradients; written once a shard and added again
// they cost memory for five copies and most of the memory traffic of a step.
import Kernels
import Tensors
import Workers

/// The factors of all factored gradients of a table, for one minibatch's shards of one rank.
///
/// `@unchecked Sendable`: a shard's slot is written before its sums are asked for, by the rank's own thread and its tasks.
package final class GradientFactors: @unchecked Sendable {
  package let table: ParameterTable
  /// Sums that `sum` makes: nodes of the tree.
  package let sums: Int
  private let entries: [Entry]
  private let packed: AlignedMemory
  /// Bounds the packed memory; longer ranges are worked off in several.
  private static let longestRange = 8 << 20

  private struct Entry {
    let name: String
    /// In the flat vector.
    let range: Range<Int>
    let products: FactorProducts
    let left: AlignedMemory
    let right: AlignedMemory
  }

  /// - Parameters:
  ///   - rows: of one shard, the same for all layers: one for each image and position.
  ///   - carries: for each of this rank's shards in order, to how many finished sums its own is added.
  package init(_ table: ParameterTable, rows: Int, carries: [Int]) {
    self.table = table
    sums = carries.count - carries.reduce(0, +)
    entries = table.parameters.indices.filter { table.parameters[$0].gradient == .factored }.map { index in
      let parameter = table.parameters[index]
      let products = FactorProducts(
        rows: rows, height: parameter.shape[0], width: parameter.shape.dropFirst().reduce(1, *), carries: carries)
      return Entry(
        name: parameter.name, range: table.offsets[index]..<table.offsets[index] + parameter.count, products: products,
        left: AlignedMemory(floats: products.leftFloats, for: .factors),
        right: AlignedMemory(floats: products.rightFloats, for: .factors))
    }.sorted { $0.range.lowerBound < $1.range.lowerBound }
    packed = AlignedMemory(
      floats: entries.map { $0.products.packedFloats(longestRange: min(Self.longestRange, $0.range.count)) }.max() ?? 0,
      for: .factors)
  }

  /// Names of the parameters in the order in which they lie in the vector, and where.
  package var parameters: [(name: String, range: Range<Int>)] { entries.map { ($0.name, $0.range) } }

  /// Keeps a shard's factors: the gradient of the matrix R x S is the transposed left [M][R] times the right [M][S].
  package func store(
    _ name: String, left: UnsafePointer<Float>, right: UnsafePointer<Float>, shard: Int, _ pool: WorkerPool
  ) {
    guard let entry = entries.first(where: { $0.name == name }) else { preconditionFailure("\(name) is not factored") }
    let products = entry.products
    let (lefts, rights) = (entry.left.pointer, entry.right.pointer)
    pool.run(products.storingTasks) { task, _ in
      products.store(left: left, right: right, shard: shard, lefts: lefts, rights: rights, task: task)
    }
  }

  /// The gradients of a range of the flat vector, summed over each of this rank's nodes of the tree. All shards are stored.
  ///
  /// - Parameter outputs: for each node from left to right where the range's first float goes. What belongs to no
  ///   factored parameter is left as it is.
  package func sum(_ range: Range<Int>, into outputs: [UnsafeMutablePointer<Float>], _ pool: WorkerPool) {
    precondition(outputs.count == sums, "\(outputs.count) places for \(sums) sums")
    for entry in entries {
      let wanted = entry.range.clamped(to: range)
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
