// Transposition of 16 x 16 floats in registers.
//
// Goals, in order of priority: speed, brevity.

/// A 16 x 16 matrix of floats.
struct SixteenRows {
  typealias Eight = (Lanes, Lanes, Lanes, Lanes, Lanes, Lanes, Lanes, Lanes)
  /// Rows 0 to 7 and 8 to 15.
  var upper: Eight
  var lower: Eight

  /// Creates the matrix of rows `row(0)` to `row(15)`.
  @inline(__always)
  init(_ row: (Int) -> Lanes) {
    upper = (row(0), row(1), row(2), row(3), row(4), row(5), row(6), row(7))
    lower = (row(8), row(9), row(10), row(11), row(12), row(13), row(14), row(15))
  }

  /// Loads rows that lie `step` floats apart.
  @inline(__always)
  init(_ rows: UnsafePointer<Float>, step: Int) { self.init { rows.lanes(at: $0 * step) } }

  /// Adds rows that lie `step` floats apart.
  @inline(__always)
  mutating func add(_ rows: UnsafePointer<Float>, step: Int) {
    let other = SixteenRows(rows, step: step)
    upper.0 += other.upper.0
    upper.1 += other.upper.1
    upper.2 += other.upper.2
    upper.3 += other.upper.3
    upper.4 += other.upper.4
    upper.5 += other.upper.5
    upper.6 += other.upper.6
    upper.7 += other.upper.7
    lower.0 += other.lower.0
    lower.1 += other.lower.1
    lower.2 += other.lower.2
    lower.3 += other.lower.3
    lower.4 += other.lower.4
    lower.5 += other.lower.5
    lower.6 += other.lower.6
    lower.7 += other.lower.7
  }

  /// The transposed matrix: four perfect shuffles of rows i and i + 8 exchange rows and columns.
  @inline(__always)
  var transposed: SixteenRows { shuffled.shuffled.shuffled.shuffled }

  /// The matrix whose rows 2i and 2i + 1 interleave the elements of rows i and i + 8.
  @inline(__always)
  private var shuffled: SixteenRows {
    let pair0 = Self.interleaved(upper.0, lower.0)
    let pair1 = Self.interleaved(upper.1, lower.1)
    let pair2 = Self.interleaved(upper.2, lower.2)
    let pair3 = Self.interleaved(upper.3, lower.3)
    let pair4 = Self.interleaved(upper.4, lower.4)
    let pair5 = Self.interleaved(upper.5, lower.5)
    let pair6 = Self.interleaved(upper.6, lower.6)
    let pair7 = Self.interleaved(upper.7, lower.7)
    var result = self
    result.upper = (pair0.0, pair0.1, pair1.0, pair1.1, pair2.0, pair2.1, pair3.0, pair3.1)
    result.lower = (pair4.0, pair4.1, pair5.0, pair5.1, pair6.0, pair6.1, pair7.0, pair7.1)
    return result
  }

  @inline(__always)
  private static func interleaved(_ a: Lanes, _ b: Lanes) -> (Lanes, Lanes) {
    var (low, high) = (Lanes(), Lanes())
    low.evenHalf = a.lowHalf
    low.oddHalf = b.lowHalf
    high.evenHalf = a.highHalf
    high.oddHalf = b.highHalf
    return (low, high)
  }

  /// Returns lanes 7 to 15, moved to the front. The other lanes are unspecified.
  @inline(__always)
  static func shiftedBySeven(_ row: Lanes) -> Lanes {
    var result = row
    for lane in 0..<9 { result[lane] = row[lane + 7] }
    return result
  }

  /// Stores the rows `step` floats apart.
  @inline(__always)
  func store(_ target: UnsafeMutablePointer<Float>, step: Int) {
    target.setLanes(upper.0, at: 0)
    target.setLanes(upper.1, at: step)
    target.setLanes(upper.2, at: 2 * step)
    target.setLanes(upper.3, at: 3 * step)
    target.setLanes(upper.4, at: 4 * step)
    target.setLanes(upper.5, at: 5 * step)
    target.setLanes(upper.6, at: 6 * step)
    target.setLanes(upper.7, at: 7 * step)
    target.setLanes(lower.0, at: 8 * step)
    target.setLanes(lower.1, at: 9 * step)
    target.setLanes(lower.2, at: 10 * step)
    target.setLanes(lower.3, at: 11 * step)
    target.setLanes(lower.4, at: 12 * step)
    target.setLanes(lower.5, at: 13 * step)
    target.setLanes(lower.6, at: 14 * step)
    target.setLanes(lower.7, at: 15 * step)
  }
}
