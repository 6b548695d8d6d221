// One named state tensor of an optimizer, for the ranges of the flat parameter vector that a rank updates.
import Compute

/// A float of state for each float of this rank's ranges; initially zero.
package final class OptimizerState {
  package let name: String
  package let table: ParameterTable
  /// Ranges of the flat vector in ascending order.
  package let ranges: [Range<Int>]
  /// The values of the ranges, one range after the other.
  let memory: AlignedMemory
  private let pool: WorkerPool

  package init(_ name: String, table: ParameterTable, ranges: [Range<Int>], pool: WorkerPool) {
    precondition(
      ranges.allSatisfy { $0.lowerBound >= 0 && $0.upperBound <= table.vectorCount },
      "\(ranges) of \(table.vectorCount)")
    precondition(
      zip(ranges, ranges.dropFirst()).allSatisfy { $0.upperBound <= $1.lowerBound }, "\(ranges) are not in order")
    self.name = name
    self.table = table
    self.ranges = ranges
    self.pool = pool
    memory = AlignedMemory(floats: ranges.reduce(0) { $0 + $1.count }, for: .momentum)
  }

  /// Returns a pointer that is indexed by places in the flat vector and valid inside `range`, which lies in one of
  /// `ranges`.
  func base(of range: Range<Int>) -> UnsafeMutablePointer<Float> {
    var place = 0
    for own in ranges {
      if own.lowerBound <= range.lowerBound && range.upperBound <= own.upperBound {
        return memory.pointer + place - own.lowerBound
      }
      place += own.count
    }
    preconditionFailure("\(range) does not lie in \(ranges)")
  }

  /// Copies all values, using all threads.
  func copy(to target: UnsafeMutablePointer<Float>) {
    let (source, count) = (memory.pointer, memory.count)
    pool.run((count + Self.taskFloats - 1) / Self.taskFloats) { task, _ in
      let first = task * Self.taskFloats
      (target + first).update(from: source + first, count: min(Self.taskFloats, count - first))
    }
  }

  private static let taskFloats = 1 << 20
}
