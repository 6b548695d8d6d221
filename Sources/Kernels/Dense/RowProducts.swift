// The inner loops of `DenseProduct`: sums of up to twelve rows by 32 columns over a block of k, which stay in registers
// while the cache lines of the next panel are prefetched.
//
// Goals, in order of priority: results that do not depend on the rows of a group, speed.
import COpenBLAS
import CProcessor

/// A partition of rows into groups of 12, whose sums fill the registers, with 4 or 8 rows at the end. A group of 12
/// followed by one of 4 is replaced by two of 8.
struct RowGroups: Sendable {
  private let twelves: Int
  private let eights: Int
  private let fours: Int

  init(_ rows: Int) {
    let rest = (rows % 12 + 3) / 4 * 4
    let whole = rows / 12 + (rest == 12 ? 1 : 0)
    let splits = rest == 4 && whole > 0
    twelves = splits ? whole - 1 : whole
    eights = splits ? 2 : rest == 8 ? 1 : 0
    fours = rest == 4 && !splits ? 1 : 0
  }

  var groups: Int { twelves + eights + fours }
  var padded: Int { twelves * 12 + eights * 8 + fours * 4 }

  /// The first row and the number of rows of a group.
  @inline(__always)
  subscript(group: Int) -> (first: Int, count: Int) {
    if group < twelves { return (group * 12, 12) }
    if group < twelves + eights { return (twelves * 12 + (group - twelves) * 8, 8) }
    return (twelves * 12 + eights * 8, 4)
  }
}

/// The cache lines of the next panel, some of which are prefetched into the second-level cache for every vector of k.
struct PanelAhead {
  var place: UnsafePointer<Float>
  let lines: Int
  let lineStep: Int
  let blockStep: Int
  /// True to prefetch two neighbouring lines of 16 floats each time.
  let isDouble: Bool

  @inline(__always)
  mutating func fetch() {
    for line in 0..<lines {
      dnet_fetch(place + line * lineStep)
      if isDouble { dnet_fetch(place + line * lineStep + 16) }
    }
    place += blockStep
  }
}

/// Products of some rows by 32 columns, summed over k.
enum RowProducts {
  /// Writes the sums of products to `sums`, [count][32], added to its values if `continuing`.
  ///
  /// `x` is [blocks][count][16], `panel` is [16 blocks][32], and `count` is 4, 8 or 12.
  @inline(__always)
  static func add(
    _ count: Int, _ x: UnsafePointer<Float>, _ panel: UnsafePointer<Float>, blocks: Int, continuing: Bool,
    prefetching ahead: PanelAhead, to sums: UnsafeMutablePointer<Float>
  ) {
    if !Vectors.areWide {
      narrow(count, x, panel, blocks: blocks, continuing: continuing, prefetching: ahead, to: sums)
    } else if count == 12 {
      twelve(x, panel, blocks: blocks, continuing: continuing, prefetching: ahead, to: sums)
    } else if count == 8 {
      eight(x, panel, blocks: blocks, continuing: continuing, prefetching: ahead, to: sums)
    } else {
      four(x, panel, blocks: blocks, continuing: continuing, prefetching: ahead, to: sums)
    }
  }

  @inline(never)
  private static func twelve(
    _ x: UnsafePointer<Float>, _ panel: UnsafePointer<Float>, blocks: Int, continuing: Bool,
    prefetching ahead: PanelAhead,
    to sums: UnsafeMutablePointer<Float>
  ) {
    var (x, panel, ahead) = (x, panel, ahead)
    var (first, second, third) = (FourRowsBy32(), FourRowsBy32(), FourRowsBy32())
    for _ in 0..<blocks {
      ahead.fetch()
      for _ in 0..<16 {
        let (b0, b1) = (panel.lanes(at: 0), panel.lanes(at: 16))
        first.add(x, step: 16, b0, b1)
        second.add(x + 64, step: 16, b0, b1)
        third.add(x + 128, step: 16, b0, b1)
        x += 1
        panel += 32
      }
      x += 11 * 16
    }
    first.put(sums, adding: continuing)
    second.put(sums + 128, adding: continuing)
    third.put(sums + 256, adding: continuing)
  }

  @inline(never)
  private static func eight(
    _ x: UnsafePointer<Float>, _ panel: UnsafePointer<Float>, blocks: Int, continuing: Bool,
    prefetching ahead: PanelAhead,
    to sums: UnsafeMutablePointer<Float>
  ) {
    var (x, panel, ahead) = (x, panel, ahead)
    var (first, second) = (FourRowsBy32(), FourRowsBy32())
    for _ in 0..<blocks {
      ahead.fetch()
      for _ in 0..<16 {
        let (b0, b1) = (panel.lanes(at: 0), panel.lanes(at: 16))
        first.add(x, step: 16, b0, b1)
        second.add(x + 64, step: 16, b0, b1)
        x += 1
        panel += 32
      }
      x += 7 * 16
    }
    first.put(sums, adding: continuing)
    second.put(sums + 128, adding: continuing)
  }

  @inline(never)
  private static func four(
    _ x: UnsafePointer<Float>, _ panel: UnsafePointer<Float>, blocks: Int, continuing: Bool,
    prefetching ahead: PanelAhead,
    to sums: UnsafeMutablePointer<Float>
  ) {
    var (x, panel, ahead) = (x, panel, ahead)
    var first = FourRowsBy32()
    for _ in 0..<blocks {
      ahead.fetch()
      for _ in 0..<16 {
        first.add(x, step: 16, panel.lanes(at: 0), panel.lanes(at: 16))
        x += 1
        panel += 32
      }
      x += 3 * 16
    }
    first.put(sums, adding: continuing)
  }

  /// The sums for AVX2: six rows, or four, by 16 columns at a time.
  @inline(never)
  private static func narrow(
    _ count: Int, _ x: UnsafePointer<Float>, _ panel: UnsafePointer<Float>, blocks: Int, continuing: Bool,
    prefetching ahead: PanelAhead, to sums: UnsafeMutablePointer<Float>
  ) {
    var ahead = ahead
    for _ in 0..<blocks { ahead.fetch() }
    let rows = count == 12 ? 6 : 4
    for half in 0..<2 {
      for start in stride(from: 0, to: count, by: rows) {
        let factors = NarrowFactors(
          columns: x + start * 16, rowStep: 16, blockStep: count * 16, weights: panel + half * 16, weightStep: 32,
          blocks: blocks)
        let target = sums + start * 32 + half * 16
        if rows == 6 {
          factors.sixRows(into: target, step: 32, adding: continuing)
        } else {
          factors.fourRows(into: target, step: 32, adding: continuing)
        }
      }
    }
  }
}
