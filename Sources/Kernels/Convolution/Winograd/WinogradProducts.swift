// The matrix products of the Winograd domain, one position of the tiles at a time.

/// Products of tiles and output channels, summed over the input channels.
///
/// `tiles` holds input factors as (blocks, count, 16), `weights` is (16 * blocks, panel width). The sums of the panel's
/// first and second 16 channels go to `low` and `high`, (count, 16) each.
enum TileProducts {
  /// The factors of the rows from `row` on in a group of `count` tiles.
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

  /// The sums for a panel of 16 channels; `count` is 4, 8 or 12.
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

/// Products of input channels and output channels, summed over tiles, for the weight gradient.
///
/// `inputs` points to the first of eight channels within (tiles, 16), the gradients are (tiles, 16). `sums` is
/// (8, panel width), and is either continued or begun.
enum ChannelProducts {
  @inline(never)
  static func eightBy32(
    _ inputs: UnsafePointer<Float>, _ low: UnsafePointer<Float>, _ high: UnsafePointer<Float>, tiles: Int,
    continuing: Bool, into sums: UnsafeMutablePointer<Float>
  ) {
    guard Vectors.areWide else {
      for start in stride(from: 0, to: 8, by: 4) {
        fourBy16(inputs + start, low, tiles: tiles, continuing: continuing, into: sums + start * 32, step: 32)
        fourBy16(inputs + start, high, tiles: tiles, continuing: continuing, into: sums + start * 32 + 16, step: 32)
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
    continuing: Bool, into sums: UnsafeMutablePointer<Float>
  ) {
    guard Vectors.areWide else {
      fourBy16(inputs, gradients, tiles: tiles, continuing: continuing, into: sums, step: 16)
      fourBy16(inputs + 4, gradients, tiles: tiles, continuing: continuing, into: sums + 64, step: 16)
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

  /// The sums of four input channels, `step` floats apart.
  @inline(never)
  private static func fourBy16(
    _ inputs: UnsafePointer<Float>, _ gradients: UnsafePointer<Float>, tiles: Int, continuing: Bool,
    into sums: UnsafeMutablePointer<Float>, step: Int
  ) {
    var four = continuing ? FourRowsBy16(sums, step: step) : FourRowsBy16()
    for tile in 0..<tiles { four.add(inputs + tile * 16, step: 1, gradients.lanes(at: tile * 16)) }
    four.store(sums, step: step)
  }
}
