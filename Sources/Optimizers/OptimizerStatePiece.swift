// The pieces in which a state tensor passes through rank 0, each divided among the ranks that hold it. So rank 0 needs
// memory for one or two pieces beyond its own part, whatever the size of the model.
import Compute

package struct OptimizerStatePiece {
  let parameter: Int
  /// The place in the flat vector.
  let range: Range<Int>
  /// The ranks that hold parts of the range, in ascending order of the parts.
  let segments: [(rank: Int, range: Range<Int>)]

  /// 16 MB.
  package static let usualFloats = 4 << 20

  /// Cuts parameters, in the order given, into pieces.
  ///
  /// - Parameter parts: The ranges that each rank holds, in rank order.
  static func cut(
    _ table: ParameterTable, order: [Int], parts: [[Range<Int>]], floats: Int
  ) -> [OptimizerStatePiece] {
    order.flatMap { parameter -> [OptimizerStatePiece] in
      let (offset, count) = (table.offsets[parameter], table.parameters[parameter].count)
      return stride(from: offset, to: offset + count, by: floats).map { first in
        let range = first..<min(first + floats, offset + count)
        let segments = parts.indices.flatMap { rank in
          parts[rank].map { (rank: rank, range: $0.clamped(to: range)) }.filter { !$0.range.isEmpty }
        }
        return OptimizerStatePiece(
          parameter: parameter, range: range, segments: segments.sorted { $0.range.lowerBound < $1.range.lowerBound })
      }
    }
  }

  /// Returns the ranges that each rank contributes, so that every float comes once, from the first rank that holds it.
  static func parts(of owned: [[Range<Int>]]) -> [[Range<Int>]] {
    var given: [Range<Int>] = []
    return owned.map { ranges in
      let parts = ranges.flatMap { range in
        given.filter { $0.overlaps(range) }.reduce([range]) { left, taken in
          left.flatMap { piece -> [Range<Int>] in
            let cut = taken.clamped(to: piece)
            if cut.isEmpty { return [piece] }
            return [piece.lowerBound..<cut.lowerBound, cut.upperBound..<piece.upperBound].filter { !$0.isEmpty }
          }
        }
      }
      given += parts
      return parts
    }
  }
}
