// The weight gradient of a dense layer, summed over shards, from the factors of each shard: its rows of inputs and of
// output gradients. The gradient of a single shard is never stored.
//
//   M rows of a shard (one for each image and position)   R x S weights, row-major   left [M][R]   right [M][S]
//
//   G[a][b] = over shards, along the tree: over the shard's rows r, in order, from 0: fma(left[r][a], right[r][b], sum)
//
// This is one fixed sequence of operations for each element. The requested range of the weights, its cuts into tasks
// and tiles, and the width of the vectors do not change a bit.
//
// Goals, in order of priority: the bits, speed, memory. A tile of 12 x 32 sums stays in registers during the loop over
// the rows of a shard. Finished tiles are added in cache as soon as two siblings of the tree are complete, so that each
// element of the result is written once.

/// The products of the stored factors of one weight over the shards of one rank.
package struct FactorProducts: Sendable {
  /// M, the number of rows of each shard.
  package let rows: Int
  /// R and S, the shape of the weights as a matrix.
  package let height: Int
  package let width: Int
  package let shards: Int
  /// For each shard in order, the number of finished sums that are merged into its own, the latest first.
  private let merges: [Int]
  /// The largest number of finished tiles that wait to be merged.
  private let depth: Int

  /// The number of sums left at the end: the nodes of the tree that consist of this rank's shards.
  package let sums: Int

  private static let tileHeight = 12
  private static let tileFloats = tileHeight * panelWidth
  /// The number of columns that lie together in the packed right factor.
  private static let panelWidth = 32
  private static let panelsPerTask = 4

  package init(rows: Int, height: Int, width: Int, merges: [Int]) {
    precondition(
      rows > 0 && height > 0 && width > 0 && !merges.isEmpty, "no product of \(rows) rows, \(height) x \(width)")
    self.rows = rows
    self.height = height
    self.width = width
    self.merges = merges
    shards = merges.count
    var (waiting, most) = (0, 0)
    for merge in merges {
      precondition(merge <= waiting, "a shard merges \(merge) sums where \(waiting) are finished")
      most = max(most, waiting + 1)
      waiting += 1 - merge
    }
    depth = most
    sums = waiting
  }

  // MARK: Memory of the factors

  private var panels: Int { (width + Self.panelWidth - 1) / Self.panelWidth }
  /// Floats of the left factors of all shards: [shard][M][R].
  package var leftFloats: Int { shards * rows * height }
  /// Floats of the right factors of all shards: [panel][shard][M][32], zero beyond the width.
  package var rightFloats: Int { panels * shards * rows * Self.panelWidth }

  /// Floats of one shard in one panel of the right factors.
  package var panelFloats: Int { rows * Self.panelWidth }

  /// The number of tasks of `store`: the panels, then the left factor.
  package var storingTasks: Int { rightStoringTasks + 1 }
  /// The number of tasks of `store`, counted from the first, that store the right factor and do not read the left one.
  package var rightStoringTasks: Int { (panels + Self.panelsPerTask - 1) / Self.panelsPerTask }

  /// Stores the factors of one of this rank's shards, counted from 0.
  package func store(
    left: UnsafePointer<Float>, right: UnsafePointer<Float>, shard: Int, lefts: UnsafeMutablePointer<Float>,
    rights: UnsafeMutablePointer<Float>, task: Int
  ) {
    if task == storingTasks - 1 {
      (lefts + shard * rows * height).update(from: left, count: rows * height)
      return
    }
    for panel in task * Self.panelsPerTask..<min((task + 1) * Self.panelsPerTask, panels) {
      let first = panel * Self.panelWidth
      let columns = min(Self.panelWidth, width - first)
      var target = rights + (panel * shards + shard) * rows * Self.panelWidth
      for row in 0..<rows {
        let source = right + row * width + first
        if columns == Self.panelWidth {
          target.setLanes(source.lanes(at: 0), at: 0)
          target.setLanes(source.lanes(at: 16), at: 16)
        } else {
          for column in 0..<Self.panelWidth { target[column] = column < columns ? source[column] : 0 }
        }
        target += Self.panelWidth
      }
    }
  }

  // MARK: A range of the weights

  /// Returns the rows of the weights that a range of the flat matrix touches.
  private func weightRows(_ range: Range<Int>) -> Range<Int> {
    range.isEmpty ? 0..<0 : range.lowerBound / width..<(range.upperBound - 1) / width + 1
  }

  /// Returns the number of rows of a group: twelve, or four, eight or twelve for the last one.
  private func groupHeight(_ group: Int, of count: Int) -> Int {
    min((count - group * Self.tileHeight + 3) & ~3, Self.tileHeight)
  }

  /// Returns the floats of the left factors as `pack` lays them out for a range.
  package func packedFloats(_ range: Range<Int>) -> Int { ((weightRows(range).count + 3) & ~3) * shards * rows }

  /// Returns the most packed floats that any range of so many floats needs.
  package func packedFloats(longestRange count: Int) -> Int {
    let most = min((count + width - 2) / width + 1, height)
    return ((most + 3) & ~3) * shards * rows
  }

  /// The number of tasks of `pack`: one per shard.
  package var packingTasks: Int { shards }

  /// Packs the left factors of a shard for the tiles of a range: [group of rows][shard][M][4, 8 or 12].
  package func pack(
    _ lefts: UnsafePointer<Float>, range: Range<Int>, into packed: UnsafeMutablePointer<Float>, task shard: Int
  ) {
    let weightRows = weightRows(range)
    for group in 0..<(weightRows.count + Self.tileHeight - 1) / Self.tileHeight {
      let tall = groupHeight(group, of: weightRows.count)
      let first = weightRows.lowerBound + group * Self.tileHeight
      let count = min(tall, weightRows.upperBound - first)
      var target = packed + group * Self.tileHeight * shards * rows + shard * rows * tall
      for row in 0..<rows {
        let source = lefts + (shard * rows + row) * height + first
        for k in 0..<count { target[k] = source[k] }
        for k in count..<tall { target[k] = 0 }
        target += tall
      }
    }
  }

  /// The number of tasks of `apply`.
  package var tasks: Int { (panels + Self.panelsPerTask - 1) / Self.panelsPerTask }
  /// Floats of scratch memory that a task of `apply` needs.
  package var scratchFloats: Int { depth * Self.tileFloats }

  /// Computes the sums over this rank's nodes of the tree, for a range of the flat R x S matrix.
  ///
  /// - Parameters:
  ///   - packed: the left factors, packed for the same range.
  ///   - outputs: one buffer for each node from left to right. It begins with the first float of the range.
  package func apply(
    packed: UnsafePointer<Float>, rights: UnsafePointer<Float>, range: Range<Int>,
    into outputs: UnsafePointer<UnsafeMutablePointer<Float>>, task: Int, scratch: UnsafeMutablePointer<Float>
  ) {
    let weightRows = weightRows(range)
    for panel in task * Self.panelsPerTask..<min((task + 1) * Self.panelsPerTask, panels) {
      let columns = panel * Self.panelWidth..<min((panel + 1) * Self.panelWidth, width)
      for group in 0..<(weightRows.count + Self.tileHeight - 1) / Self.tileHeight {
        let first = weightRows.lowerBound + group * Self.tileHeight
        let tile = first..<min(first + Self.tileHeight, weightRows.upperBound)
        // Only the first and last rows of a range can be cut. Tiles outside of the range are skipped.
        guard tile.contains(where: { !part($0, columns, of: range).isEmpty }) else { continue }
        let tall = groupHeight(group, of: weightRows.count)
        sumTile(
          tall, packed + group * Self.tileHeight * shards * rows,
          rights + panel * shards * rows * Self.panelWidth, into: scratch)
        for sum in 0..<sums {
          copy(scratch + sum * Self.tileFloats, rows: tile, columns: columns, within: range, to: outputs[sum])
        }
      }
    }
  }

  /// Returns the part of some columns of a row that lies in a range of the flat matrix.
  @inline(__always)
  private func part(_ row: Int, _ columns: Range<Int>, of range: Range<Int>) -> Range<Int> {
    (row * width + columns.lowerBound..<row * width + columns.upperBound).clamped(to: range)
  }

  /// Writes the sums of a tile over all nodes, one after another in `stack`.
  @inline(__always)
  private func sumTile(
    _ tall: Int, _ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>, into stack: UnsafeMutablePointer<Float>
  ) {
    var end = stack
    merges.withUnsafeBufferPointer { merges in
      for shard in 0..<shards {
        let (a, b) = (left + shard * rows * tall, right + shard * rows * Self.panelWidth)
        let merge = merges[shard]
        switch tall {
        case 4: FactorTiles.fourBy32(a, b, rows: rows, end: end, merge: merge, tile: Self.tileFloats)
        case 8: FactorTiles.eightBy32(a, b, rows: rows, end: end, merge: merge, tile: Self.tileFloats)
        default: FactorTiles.twelveBy32(a, b, rows: rows, end: end, merge: merge, tile: Self.tileFloats)
        }
        end += (1 - merge) * Self.tileFloats
      }
    }
  }

  @inline(__always)
  private func copy(
    _ tile: UnsafePointer<Float>, rows tileRows: Range<Int>, columns: Range<Int>, within range: Range<Int>,
    to output: UnsafeMutablePointer<Float>
  ) {
    for row in tileRows {
      let part = part(row, columns, of: range)
      let source =
        tile + (row - tileRows.lowerBound) * Self.panelWidth + part.lowerBound - row * width - columns.lowerBound
      let target = output + part.lowerBound - range.lowerBound
      if part.count == Self.panelWidth {
        target.setLanes(source.lanes(at: 0), at: 0)
        target.setLanes(source.lanes(at: 16), at: 16)
      } else if !part.isEmpty {
        target.update(from: source, count: part.count)
      }
    }
  }
}

/// The tile of one shard: a sum over its rows in registers, into which the finished tiles before it are merged.
///
/// `end` is the end of the finished tiles, which have 32 columns and lie `tile` floats apart. The result replaces the
/// tiles that were merged, or is appended.
private enum FactorTiles {
  @inline(never)
  static func twelveBy32(
    _ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>, rows: Int, end: UnsafeMutablePointer<Float>,
    merge: Int, tile: Int
  ) {
    guard Vectors.areWide else { return narrow(12, left, right, rows: rows, end: end, merge: merge, tile: tile) }
    var (left, right, target) = (left, right, end)
    var (first, second, third) = (FourRowsBy32(), FourRowsBy32(), FourRowsBy32())
    for _ in 0..<rows {
      let (b0, b1) = (right.lanes(at: 0), right.lanes(at: 16))
      first.add(left, step: 1, b0, b1)
      second.add(left + 4, step: 1, b0, b1)
      third.add(left + 8, step: 1, b0, b1)
      left += 12
      right += 32
    }
    for _ in 0..<merge {
      target -= tile
      first.add(rows: target)
      second.add(rows: target + 128)
      third.add(rows: target + 256)
    }
    first.store(low: target, high: target + 16, step: 32)
    second.store(low: target + 128, high: target + 144, step: 32)
    third.store(low: target + 256, high: target + 272, step: 32)
  }

  @inline(never)
  static func eightBy32(
    _ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>, rows: Int, end: UnsafeMutablePointer<Float>,
    merge: Int, tile: Int
  ) {
    guard Vectors.areWide else { return narrow(8, left, right, rows: rows, end: end, merge: merge, tile: tile) }
    var (left, right, target) = (left, right, end)
    var (first, second) = (FourRowsBy32(), FourRowsBy32())
    for _ in 0..<rows {
      let (b0, b1) = (right.lanes(at: 0), right.lanes(at: 16))
      first.add(left, step: 1, b0, b1)
      second.add(left + 4, step: 1, b0, b1)
      left += 8
      right += 32
    }
    for _ in 0..<merge {
      target -= tile
      first.add(rows: target)
      second.add(rows: target + 128)
    }
    first.store(low: target, high: target + 16, step: 32)
    second.store(low: target + 128, high: target + 144, step: 32)
  }

  @inline(never)
  static func fourBy32(
    _ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>, rows: Int, end: UnsafeMutablePointer<Float>,
    merge: Int, tile: Int
  ) {
    guard Vectors.areWide else { return narrow(4, left, right, rows: rows, end: end, merge: merge, tile: tile) }
    var (left, right, target) = (left, right, end)
    var sums = FourRowsBy32()
    for _ in 0..<rows {
      sums.add(left, step: 1, right.lanes(at: 0), right.lanes(at: 16))
      left += 4
      right += 32
    }
    for _ in 0..<merge {
      target -= tile
      sums.add(rows: target)
    }
    sums.store(low: target, high: target + 16, step: 32)
  }

  /// The tile for AVX2: four rows by 16 columns at a time.
  @inline(never)
  private static func narrow(
    _ tall: Int, _ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>, rows: Int,
    end: UnsafeMutablePointer<Float>, merge: Int, tile: Int
  ) {
    for first in stride(from: 0, to: tall, by: 4) {
      for half in 0..<2 {
        var (left, right, target) = (left + first, right + half * 16, end + first * 32 + half * 16)
        var sums = FourRowsBy16()
        for _ in 0..<rows {
          sums.add(left, step: 1, right.lanes(at: 0))
          left += tall
          right += 32
        }
        for _ in 0..<merge {
          target -= tile
          sums.add(rows: target, step: 32)
        }
        sums.store(target, step: 32)
      }
    }
  }
}
