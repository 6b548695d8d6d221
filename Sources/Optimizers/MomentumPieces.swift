// How the velocity of all ranks is cut where it passes through rank 0: short pieces, each parted among the ranks that hold it.
// So rank 0 needs memory for a piece or two beyond its own part, whatever the size of the model.
import Compute

struct MomentumPiece {
  let parameter: Int
  /// In the flat vector.
  let range: Range<Int>
  /// Who has which part, in ascending order.
  let segments: [(rank: Int, range: Range<Int>)]

  /// What a piece holds unless a test wants it shorter: 16 MB.
  static let usualFloats = 4 << 20

  /// Cuts parameters in the order given.
  ///
  /// - Parameter parts: what each rank has, in rank order.
  static func cut(
    _ table: ParameterTable, order: [Int], parts: [[Range<Int>]], floats: Int
  ) -> [MomentumPiece] {
    order.flatMap { parameter -> [MomentumPiece] in
      let (offset, count) = (table.offsets[parameter], table.parameters[parameter].count)
      return stride(from: offset, to: offset + count, by: floats).map { first in
        let range = first..<min(first + floats, offset + count)
        let segments = parts.indices.flatMap { rank in
          parts[rank].map { (rank: rank, range: $0.clamped(to: range)) }.filter { !$0.range.isEmpty }
        }
        return MomentumPiece(
          parameter: parameter, range: range, segments: segments.sorted { $0.range.lowerBound < $1.range.lowerBound })
      }
    }
  }
}
