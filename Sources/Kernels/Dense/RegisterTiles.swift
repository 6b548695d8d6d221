// Tiles of a matrix product whose sums stay in vector registers: the inner loops of all dense and convolution kernels.
//
// Twelve rows by 32 columns are 24 vectors of 16 floats. With two vectors of weights and the broadcast values they fill
// the 32 registers of AVX-512. Four rows per type keep the source short: the compiler puts three such groups side by
// side. AVX2 has 16 registers of 8 floats, where such a tile would spill. There six rows by 16 columns take 12
// registers, which leaves two for the weights and two for the broadcast value. Sums run in the same order in both.
//
// Goals, in order of priority: speed, brevity.
import COpenBLAS

/// The width of the vectors that the code is compiled for. It is a constant, so the branch not taken vanishes.
enum Vectors {
  /// True where a register holds 16 floats and there are 32 registers.
  @inline(__always) static var areWide: Bool { DNET_WIDE_VECTORS != 0 }
}

/// Sums of four rows by 32 columns.
struct FourRowsBy32 {
  private var low0 = Lanes.zero
  private var low1 = Lanes.zero
  private var low2 = Lanes.zero
  private var low3 = Lanes.zero
  private var high0 = Lanes.zero
  private var high1 = Lanes.zero
  private var high2 = Lanes.zero
  private var high3 = Lanes.zero

  @inline(__always)
  init() {}

  /// Continues sums that were stored as rows of 32.
  @inline(__always)
  init(_ rows: UnsafeMutablePointer<Float>) {
    low0 = rows.lanes(at: 0)
    high0 = rows.lanes(at: 16)
    low1 = rows.lanes(at: 32)
    high1 = rows.lanes(at: 48)
    low2 = rows.lanes(at: 64)
    high2 = rows.lanes(at: 80)
    low3 = rows.lanes(at: 96)
    high3 = rows.lanes(at: 112)
  }

  /// Adds the outer product of a column, whose values are `step` floats apart, and a row of 32.
  @inline(__always)
  mutating func add(_ column: UnsafePointer<Float>, step: Int, _ low: Lanes, _ high: Lanes) {
    let value0 = Lanes(repeating: column[0])
    low0.addProduct(low, value0)
    high0.addProduct(high, value0)
    let value1 = Lanes(repeating: column[step])
    low1.addProduct(low, value1)
    high1.addProduct(high, value1)
    let value2 = Lanes(repeating: column[2 * step])
    low2.addProduct(low, value2)
    high2.addProduct(high, value2)
    let value3 = Lanes(repeating: column[3 * step])
    low3.addProduct(low, value3)
    high3.addProduct(high, value3)
  }

  /// Adds sums that were stored as rows of 32.
  @inline(__always)
  mutating func add(rows: UnsafeMutablePointer<Float>) {
    low0 += rows.lanes(at: 0)
    high0 += rows.lanes(at: 16)
    low1 += rows.lanes(at: 32)
    high1 += rows.lanes(at: 48)
    low2 += rows.lanes(at: 64)
    high2 += rows.lanes(at: 80)
    low3 += rows.lanes(at: 96)
    high3 += rows.lanes(at: 112)
  }

  @inline(__always)
  static func + (a: FourRowsBy32, b: FourRowsBy32) -> FourRowsBy32 {
    var sum = a
    sum.low0 = a.low0 + b.low0
    sum.high0 = a.high0 + b.high0
    sum.low1 = a.low1 + b.low1
    sum.high1 = a.high1 + b.high1
    sum.low2 = a.low2 + b.low2
    sum.high2 = a.high2 + b.high2
    sum.low3 = a.low3 + b.low3
    sum.high3 = a.high3 + b.high3
    return sum
  }

  /// Stores the sums as rows of 32, added to the rows' values if asked.
  @inline(__always)
  func put(_ rows: UnsafeMutablePointer<Float>, adding: Bool) {
    (adding ? self + FourRowsBy32(rows) : self).store(low: rows, high: rows + 16, step: 32)
  }

  /// Stores rows `step` floats apart, with their halves at `low` and `high`.
  @inline(__always)
  func store(low: UnsafeMutablePointer<Float>, high: UnsafeMutablePointer<Float>, step: Int) {
    low.setLanes(low0, at: 0)
    high.setLanes(high0, at: 0)
    low.setLanes(low1, at: step)
    high.setLanes(high1, at: step)
    low.setLanes(low2, at: 2 * step)
    high.setLanes(high2, at: 2 * step)
    low.setLanes(low3, at: 3 * step)
    high.setLanes(high3, at: 3 * step)
  }
}

/// Sums of four rows by 16 columns: for AVX2, and for the last 16 channels of a number that is no multiple of 32.
struct FourRowsBy16 {
  private var row0 = Lanes.zero
  private var row1 = Lanes.zero
  private var row2 = Lanes.zero
  private var row3 = Lanes.zero

  @inline(__always)
  init() {}

  /// Continues sums that were stored as rows `step` floats apart.
  @inline(__always)
  init(_ rows: UnsafeMutablePointer<Float>, step: Int) {
    row0 = rows.lanes(at: 0)
    row1 = rows.lanes(at: step)
    row2 = rows.lanes(at: 2 * step)
    row3 = rows.lanes(at: 3 * step)
  }

  @inline(__always)
  mutating func add(_ column: UnsafePointer<Float>, step: Int, _ row: Lanes) {
    row0.addProduct(row, Lanes(repeating: column[0]))
    row1.addProduct(row, Lanes(repeating: column[step]))
    row2.addProduct(row, Lanes(repeating: column[2 * step]))
    row3.addProduct(row, Lanes(repeating: column[3 * step]))
  }

  /// Adds sums that were stored as rows `step` floats apart.
  @inline(__always)
  mutating func add(rows: UnsafeMutablePointer<Float>, step: Int) {
    row0 += rows.lanes(at: 0)
    row1 += rows.lanes(at: step)
    row2 += rows.lanes(at: 2 * step)
    row3 += rows.lanes(at: 3 * step)
  }

  @inline(__always)
  func store(_ rows: UnsafeMutablePointer<Float>, step: Int) {
    rows.setLanes(row0, at: 0)
    rows.setLanes(row1, at: step)
    rows.setLanes(row2, at: 2 * step)
    rows.setLanes(row3, at: 3 * step)
  }

  /// Stores the sums as rows `step` floats apart, added to the rows' values if asked.
  @inline(__always)
  func put(_ rows: UnsafeMutablePointer<Float>, step: Int, adding: Bool) {
    var sum = self
    if adding {
      let before = FourRowsBy16(rows, step: step)
      sum.row0 = row0 + before.row0
      sum.row1 = row1 + before.row1
      sum.row2 = row2 + before.row2
      sum.row3 = row3 + before.row3
    }
    sum.store(rows, step: step)
  }
}

/// Sums of two rows by 16 columns.
struct TwoRowsBy16 {
  private var row0 = Lanes.zero
  private var row1 = Lanes.zero

  @inline(__always)
  init() {}

  @inline(__always)
  mutating func add(_ column: UnsafePointer<Float>, step: Int, _ row: Lanes) {
    row0.addProduct(row, Lanes(repeating: column[0]))
    row1.addProduct(row, Lanes(repeating: column[step]))
  }

  /// Stores the sums as rows `step` floats apart, added to the rows' values if asked.
  @inline(__always)
  func put(_ rows: UnsafeMutablePointer<Float>, step: Int, adding: Bool) {
    rows.setLanes(adding ? row0 + rows.lanes(at: 0) : row0, at: 0)
    rows.setLanes(adding ? row1 + rows.lanes(at: step) : row1, at: step)
  }
}

/// The factors of a product for AVX2: for each step a column of values in memory and 16 weights.
struct NarrowFactors {
  /// The first value of the first column. Columns follow each other.
  let columns: UnsafePointer<Float>
  /// Floats between the values of neighbouring rows.
  let rowStep: Int
  /// Floats between blocks of sixteen columns, which lie side by side.
  let blockStep: Int
  let weights: UnsafePointer<Float>
  /// Floats between the weights of neighbouring steps.
  let weightStep: Int
  let blocks: Int

  /// Stores the sums of six rows `step` floats apart (default `rowStep`), added to the target's values if asked.
  @inline(never)
  func sixRows(into target: UnsafeMutablePointer<Float>, step: Int? = nil, adding: Bool = false) {
    let step = step ?? rowStep
    var (columns, weights) = (columns, weights)
    var (four, two) = (FourRowsBy16(), TwoRowsBy16())
    for _ in 0..<blocks {
      for channel in 0..<16 {
        let row = weights.lanes(at: 0)
        four.add(columns + channel, step: rowStep, row)
        two.add(columns + channel + 4 * rowStep, step: rowStep, row)
        weights += weightStep
      }
      columns += blockStep
    }
    four.put(target, step: step, adding: adding)
    two.put(target + 4 * step, step: step, adding: adding)
  }

  /// Stores the sums of four rows, as `sixRows`.
  @inline(never)
  func fourRows(into target: UnsafeMutablePointer<Float>, step: Int? = nil, adding: Bool = false) {
    let step = step ?? rowStep
    var (columns, weights) = (columns, weights)
    var four = FourRowsBy16()
    for _ in 0..<blocks {
      for channel in 0..<16 {
        four.add(columns + channel, step: rowStep, weights.lanes(at: 0))
        weights += weightStep
      }
      columns += blockStep
    }
    four.put(target, step: step, adding: adding)
  }
}
