// The products of the Winograd domain: small matrix products whose sums stay in registers.
//
// Twelve rows by 32 columns are 24 vectors of 16 floats; with two vectors of weights and the values that are spread
// over a vector they fill the 32 registers of AVX-512. Four rows at a time keep the source short: the compiler puts
// three such groups side by side.
//
// Goals, in this order: speed, brevity.

/// Sums of four rows by 32 columns.
struct FourRowsBy32 {
  private typealias Lanes = SIMD16<Float>
  private var low0, low1, low2, low3: SIMD16<Float>
  private var high0, high1, high2, high3: SIMD16<Float>

  @inline(__always)
  init() {
    (low0, low1, low2, low3) = (.zero, .zero, .zero, .zero)
    (high0, high1, high2, high3) = (.zero, .zero, .zero, .zero)
  }

  /// Continues sums that were stored as rows of 32.
  @inline(__always)
  init(_ rows: UnsafeMutablePointer<Float>) {
    (low0, high0) = (rows.lanes(at: 0), rows.lanes(at: 16))
    (low1, high1) = (rows.lanes(at: 32), rows.lanes(at: 48))
    (low2, high2) = (rows.lanes(at: 64), rows.lanes(at: 80))
    (low3, high3) = (rows.lanes(at: 96), rows.lanes(at: 112))
  }

  /// Adds the outer product of a column, whose values are `step` floats apart, and a row of 32.
  @inline(__always)
  mutating func add(_ column: UnsafePointer<Float>, step: Int, _ low: SIMD16<Float>, _ high: SIMD16<Float>) {
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
    (sum.low0, sum.high0) = (a.low0 + b.low0, a.high0 + b.high0)
    (sum.low1, sum.high1) = (a.low1 + b.low1, a.high1 + b.high1)
    (sum.low2, sum.high2) = (a.low2 + b.low2, a.high2 + b.high2)
    (sum.low3, sum.high3) = (a.low3 + b.low3, a.high3 + b.high3)
    return sum
  }

  /// Stores rows `step` floats apart, their halves at `low` and at `high`.
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

/// Sums of four rows by 16 columns: for the last 16 channels where their number is not a multiple of 32.
struct FourRowsBy16 {
  private typealias Lanes = SIMD16<Float>
  private var row0, row1, row2, row3: SIMD16<Float>

  @inline(__always)
  init() { (row0, row1, row2, row3) = (.zero, .zero, .zero, .zero) }

  /// Continues sums that were stored as rows `step` floats apart.
  @inline(__always)
  init(_ rows: UnsafeMutablePointer<Float>, step: Int) {
    (row0, row1) = (rows.lanes(at: 0), rows.lanes(at: step))
    (row2, row3) = (rows.lanes(at: 2 * step), rows.lanes(at: 3 * step))
  }

  @inline(__always)
  mutating func add(_ column: UnsafePointer<Float>, step: Int, _ row: SIMD16<Float>) {
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

  /// Adds the sums to rows `step` floats apart, or begins these with them.
  @inline(__always)
  func put(_ rows: UnsafeMutablePointer<Float>, step: Int, adding: Bool) {
    var sum = self
    if adding {
      let before = FourRowsBy16(rows, step: step)
      (sum.row0, sum.row1) = (row0 + before.row0, row1 + before.row1)
      (sum.row2, sum.row3) = (row2 + before.row2, row3 + before.row3)
    }
    sum.store(rows, step: step)
  }
}

/// Tiles by output channels, summed over the input channels.
///
/// `tiles` holds (blocks, count, 16) of input factors, `weights` (16 * blocks, panel width); the sums go to `low` and
/// `high`, (count, 16) each, for the first and second 16 channels of the panel.
enum TileProducts {
  /// Some rows of a group of `count` tiles, from `row` on.
  @inline(__always)
  private static func narrow(
    _ count: Int, at row: Int, _ tiles: UnsafePointer<Float>, _ weights: UnsafePointer<Float>, weightStep: Int,
    blocks: Int
  ) -> NarrowFactors {
    NarrowFactors(
      columns: tiles + row * 16, rowStep: 16, blockStep: count * 16, weights: weights, weightStep: weightStep,
      blocks: blocks)
  }

  @inline(never)
  static func twelveBy32(
    _ tiles: UnsafePointer<Float>, _ weights: UnsafePointer<Float>, blocks: Int,
    low: UnsafeMutablePointer<Float>, high: UnsafeMutablePointer<Float>
  ) {
    guard Vectors.areWide else {
      for half in 0..<2 {
        let (weights, target) = (weights + half * 16, half == 0 ? low : high)
        narrow(12, at: 0, tiles, weights, weightStep: 32, blocks: blocks).sixRows(into: target)
        narrow(12, at: 6, tiles, weights, weightStep: 32, blocks: blocks).sixRows(into: target + 96)
      }
      return
    }
    var (tiles, weights) = (tiles, weights)
    var (first, second, third) = (FourRowsBy32(), FourRowsBy32(), FourRowsBy32())
    for _ in 0..<blocks {
      for _ in 0..<16 {
        let (w0, w1) = (weights.lanes(at: 0), weights.lanes(at: 16))
        first.add(tiles, step: 16, w0, w1)
        second.add(tiles + 64, step: 16, w0, w1)
        third.add(tiles + 128, step: 16, w0, w1)
        tiles += 1
        weights += 32
      }
      tiles += 11 * 16
    }
    first.store(low: low, high: high, step: 16)
    second.store(low: low + 64, high: high + 64, step: 16)
    third.store(low: low + 128, high: high + 128, step: 16)
  }

  @inline(never)
  static func eightBy32(
    _ tiles: UnsafePointer<Float>, _ weights: UnsafePointer<Float>, blocks: Int,
    low: UnsafeMutablePointer<Float>, high: UnsafeMutablePointer<Float>
  ) {
    guard Vectors.areWide else {
      for half in 0..<2 {
        let (weights, target) = (weights + half * 16, half == 0 ? low : high)
        narrow(8, at: 0, tiles, weights, weightStep: 32, blocks: blocks).fourRows(into: target)
        narrow(8, at: 4, tiles, weights, weightStep: 32, blocks: blocks).fourRows(into: target + 64)
      }
      return
    }
    var (tiles, weights) = (tiles, weights)
    var (first, second) = (FourRowsBy32(), FourRowsBy32())
    for _ in 0..<blocks {
      for _ in 0..<16 {
        let (w0, w1) = (weights.lanes(at: 0), weights.lanes(at: 16))
        first.add(tiles, step: 16, w0, w1)
        second.add(tiles + 64, step: 16, w0, w1)
        tiles += 1
        weights += 32
      }
      tiles += 7 * 16
    }
    first.store(low: low, high: high, step: 16)
    second.store(low: low + 64, high: high + 64, step: 16)
  }

  @inline(never)
  static func fourBy32(
    _ tiles: UnsafePointer<Float>, _ weights: UnsafePointer<Float>, blocks: Int,
    low: UnsafeMutablePointer<Float>, high: UnsafeMutablePointer<Float>
  ) {
    guard Vectors.areWide else {
      narrow(4, at: 0, tiles, weights, weightStep: 32, blocks: blocks).fourRows(into: low)
      narrow(4, at: 0, tiles, weights + 16, weightStep: 32, blocks: blocks).fourRows(into: high)
      return
    }
    var (tiles, weights) = (tiles, weights)
    var sums = FourRowsBy32()
    for _ in 0..<blocks {
      for _ in 0..<16 {
        sums.add(tiles, step: 16, weights.lanes(at: 0), weights.lanes(at: 16))
        tiles += 1
        weights += 32
      }
      tiles += 3 * 16
    }
    sums.store(low: low, high: high, step: 16)
  }

  /// Panels of 16 channels; `count` is 4, 8 or 12.
  @inline(never)
  static func by16(
    _ count: Int, _ tiles: UnsafePointer<Float>, _ weights: UnsafePointer<Float>, blocks: Int,
    into output: UnsafeMutablePointer<Float>
  ) {
    var (tiles, weights) = (tiles, weights)
    if count == 12, !Vectors.areWide {
      narrow(12, at: 0, tiles, weights, weightStep: 16, blocks: blocks).sixRows(into: output)
      narrow(12, at: 6, tiles, weights, weightStep: 16, blocks: blocks).sixRows(into: output + 96)
    } else if count == 12 {
      var (first, second, third) = (FourRowsBy16(), FourRowsBy16(), FourRowsBy16())
      for _ in 0..<blocks {
        for _ in 0..<16 {
          let row = weights.lanes(at: 0)
          first.add(tiles, step: 16, row)
          second.add(tiles + 64, step: 16, row)
          third.add(tiles + 128, step: 16, row)
          tiles += 1
          weights += 16
        }
        tiles += 11 * 16
      }
      first.store(output, step: 16)
      second.store(output + 64, step: 16)
      third.store(output + 128, step: 16)
    } else {
      for start in stride(from: 0, to: count, by: 4) {
        var sums = FourRowsBy16()
        for block in 0..<blocks {
          let column = tiles + (block * count + start) * 16
          for channel in 0..<16 {
            sums.add(column + channel, step: 16, weights.lanes(at: (block * 16 + channel) * 16))
          }
        }
        sums.store(output + start * 16, step: 16)
      }
    }
  }
}

/// Input channels by output channels, summed over tiles: what the weight gradient needs.
///
/// `inputs` points to the first of eight channels within (tiles, 16), the gradients are (tiles, 16); `sums` is
/// (8, panel width) and is either continued or begun.
enum ChannelProducts {
  @inline(never)
  static func eightBy32(
    _ inputs: UnsafePointer<Float>, _ low: UnsafePointer<Float>, _ high: UnsafePointer<Float>, tiles: Int,
    continuing: Bool, _ sums: UnsafeMutablePointer<Float>
  ) {
    guard Vectors.areWide else {
      for start in stride(from: 0, to: 8, by: 4) {
        fourBy16(inputs + start, low, tiles: tiles, continuing: continuing, sums + start * 32, step: 32)
        fourBy16(inputs + start, high, tiles: tiles, continuing: continuing, sums + start * 32 + 16, step: 32)
      }
      return
    }
    var (first, second) =
      continuing ? (FourRowsBy32(sums), FourRowsBy32(sums + 128)) : (FourRowsBy32(), FourRowsBy32())
    for tile in 0..<tiles {
      let (y0, y1) = (low.lanes(at: tile * 16), high.lanes(at: tile * 16))
      first.add(inputs + tile * 16, step: 1, y0, y1)
      second.add(inputs + tile * 16 + 4, step: 1, y0, y1)
    }
    first.store(low: sums, high: sums + 16, step: 32)
    second.store(low: sums + 128, high: sums + 144, step: 32)
  }

  @inline(never)
  static func eightBy16(
    _ inputs: UnsafePointer<Float>, _ gradients: UnsafePointer<Float>, tiles: Int,
    continuing: Bool, _ sums: UnsafeMutablePointer<Float>
  ) {
    guard Vectors.areWide else {
      fourBy16(inputs, gradients, tiles: tiles, continuing: continuing, sums, step: 16)
      fourBy16(inputs + 4, gradients, tiles: tiles, continuing: continuing, sums + 64, step: 16)
      return
    }
    var (first, second) =
      continuing
      ? (FourRowsBy16(sums, step: 16), FourRowsBy16(sums + 64, step: 16)) : (FourRowsBy16(), FourRowsBy16())
    for tile in 0..<tiles {
      let y = gradients.lanes(at: tile * 16)
      first.add(inputs + tile * 16, step: 1, y)
      second.add(inputs + tile * 16 + 4, step: 1, y)
    }
    first.store(sums, step: 16)
    second.store(sums + 64, step: 16)
  }

  /// Four input channels, sums `step` floats apart.
  @inline(never)
  private static func fourBy16(
    _ inputs: UnsafePointer<Float>, _ gradients: UnsafePointer<Float>, tiles: Int, continuing: Bool,
    _ sums: UnsafeMutablePointer<Float>, step: Int
  ) {
    var four = continuing ? FourRowsBy16(sums, step: step) : FourRowsBy16()
    for tile in 0..<tiles { four.add(inputs + tile * 16, step: 1, gradients.lanes(at: tile * 16)) }
    four.store(sums, step: step)
  }
}
