// Products of a few rows with a large matrix, for the layers over pool5, whose weights are hundreds of megabytes.
//
//   y [m][n] = x [m][k] B,   B stored as [k][n], or transposed as [n][k]
//
// B is read from memory once, in panels of 32 columns by up to 512 of k. A panel is rearranged, used for all rows and
// discarded, while the next one is prefetched. x is packed once before. An element is a chain of fused multiply-adds
// over each 512 of k, and these sums are added in order. Neither the cuts, nor the number of rows, nor the width of a
// vector changes a bit of it.
//
// Goals, in order of priority: results that do not depend on cuts, speed, accuracy.

/// The plan of one product. It holds no data and is cheap to create.
package struct DenseProduct: Sendable {
  private let m: Int
  private let n: Int
  private let k: Int
  private let transposed: Bool
  private let rows: RowGroups
  /// The number of panels per task.
  private let panelsAtOnce: Int

  private static let panel = 32
  /// The number of k values in one panel.
  private static let depth = 512
  /// The largest number of panels per task, chosen so that their sums stay in the second-level cache.
  private static let mostPanels = 16

  /// - Parameter transposed: true if B is stored as [n][k].
  package init(rows m: Int, columns n: Int, inner k: Int, transposed: Bool) {
    precondition(m > 0 && n > 0 && k > 0, "no product of \(m) x \(k) and \(k) x \(n)")
    self.m = m
    self.n = n
    self.k = k
    self.transposed = transposed
    rows = RowGroups(m)
    panelsAtOnce = min(max((n + Self.panel - 1) / Self.panel / 32, 1), Self.mostPanels)
  }

  /// Returns the plan of the same product for another number of rows.
  package func withRows(_ count: Int) -> DenseProduct {
    DenseProduct(rows: count, columns: n, inner: k, transposed: transposed)
  }

  private var blocks: Int { (k + Self.depth - 1) / Self.depth }
  private func inner(_ block: Int) -> Range<Int> { block * Self.depth..<min((block + 1) * Self.depth, k) }
  /// The number of k values of a block, rounded up to whole vectors, which are padded with zeros.
  private func paddedDepth(_ block: Int) -> Int { (inner(block).count + 15) & ~15 }

  // MARK: Packing

  /// Floats of the packed x.
  package var packedFloats: Int { rows.padded * ((k + 15) & ~15) }

  package var packingTasks: Int { blocks }

  /// Packs x for `multiply`: [vectors of k][rows of the group][16] for each block of k and each group of rows.
  package func pack(_ x: UnsafePointer<Float>, into packed: UnsafeMutablePointer<Float>, task block: Int) {
    let inner = inner(block)
    let depth = paddedDepth(block)
    for group in 0..<rows.groups {
      let (first, count) = rows[group]
      let target = packed + inner.lowerBound * rows.padded + first * depth
      for row in 0..<count {
        for vector in 0..<depth / 16 {
          let place = target + (vector * count + row) * 16
          let column = inner.lowerBound + vector * 16
          if first + row >= m {
            place.setLanes(.zero, at: 0)
          } else if column + 16 <= k {
            place.setLanes(x.lanes(at: (first + row) * k + column), at: 0)
          } else {
            for lane in 0..<16 { place[lane] = column + lane < k ? x[(first + row) * k + column + lane] : 0 }
          }
        }
      }
    }
  }

  // MARK: Product

  private var panels: Int { (n + Self.panel - 1) / Self.panel }
  package var tasks: Int { (panels + panelsAtOnce - 1) / panelsAtOnce }
  /// One panel of B, and the sums of a task.
  package var scratchFloats: Int { Self.panel * Self.depth + panelsAtOnce * rows.padded * Self.panel }

  /// Overwrites the task's columns of y. All packing tasks must have ended.
  package func multiply(
    _ packed: UnsafePointer<Float>, _ b: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, task: Int,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let own = task * panelsAtOnce..<min((task + 1) * panelsAtOnce, panels)
    let sums = scratch + Self.panel * Self.depth
    for block in 0..<blocks {
      for panel in own {
        rearrange(b, block, panel, into: scratch)
        let isLast = panel + 1 == own.upperBound
        accumulate(
          scratch, packed + block * Self.depth * rows.padded, depth: paddedDepth(block), continuing: block > 0,
          ahead: isLast ? corner(b, min(block + 1, blocks - 1), own.lowerBound) : corner(b, block, panel + 1),
          sums: sums + (panel - own.lowerBound) * rows.padded * Self.panel)
      }
    }
    for panel in own {
      store(sums + (panel - own.lowerBound) * rows.padded * Self.panel, panel, into: y)
    }
  }

  /// Returns the address in B at which a block of a panel begins.
  @inline(__always)
  private func corner(_ b: UnsafePointer<Float>, _ block: Int, _ panel: Int) -> UnsafePointer<Float> {
    transposed ? b + panel * Self.panel * k + block * Self.depth : b + block * Self.depth * n + panel * Self.panel
  }

  /// Copies a block of a panel as [k][32], with zeros outside of B.
  private func rearrange(
    _ b: UnsafePointer<Float>, _ block: Int, _ panel: Int, into target: UnsafeMutablePointer<Float>
  ) {
    let source = corner(b, block, panel)
    let columns = min(Self.panel, n - panel * Self.panel)
    let depth = inner(block).count
    if columns == Self.panel && depth % 16 == 0 {
      if transposed {
        for start in stride(from: 0, to: depth, by: 16) {
          SixteenRows(source + start, step: k).transposed.store(target + start * 32, step: 32)
          SixteenRows(source + 16 * k + start, step: k).transposed.store(target + start * 32 + 16, step: 32)
        }
      } else {
        for row in 0..<depth {
          target.setLanes(source.lanes(at: row * n), at: row * 32)
          target.setLanes(source.lanes(at: row * n + 16), at: row * 32 + 16)
        }
      }
      return
    }
    for row in 0..<(depth + 15) & ~15 {
      for column in 0..<Self.panel {
        let isInside = row < depth && column < columns
        target[row * 32 + column] = isInside ? source[transposed ? column * k + row : row * n + column] : 0
      }
    }
  }

  /// Adds a panel's products with all rows to `sums`, [padded rows][32], and prefetches the panel at `ahead`.
  private func accumulate(
    _ panel: UnsafePointer<Float>, _ packed: UnsafePointer<Float>, depth: Int, continuing: Bool,
    ahead: UnsafePointer<Float>, sums: UnsafeMutablePointer<Float>
  ) {
    let groups = rows.groups
    // A vector of k of the next panel is 32 rows of one cache line where B is transposed, else 16 rows of two.
    let lines = transposed ? (32 + groups - 1) / groups : (16 + groups - 1) / groups
    for group in 0..<groups {
      let (first, count) = rows[group]
      let fetch = PanelAhead(
        place: transposed ? ahead + group * lines * k : ahead + group * (depth / 16) * lines * n, lines: lines,
        lineStep: transposed ? k : n, blockStep: transposed ? 16 : lines * n, isDouble: !transposed)
      RowProducts.add(
        count, packed + first * depth, panel, blocks: depth / 16, continuing: continuing, prefetching: fetch,
        to: sums + first * Self.panel)
    }
  }

  private func store(_ sums: UnsafePointer<Float>, _ panel: Int, into y: UnsafeMutablePointer<Float>) {
    let first = panel * Self.panel
    for row in 0..<m {
      (y + row * n + first).update(from: sums + row * Self.panel, count: min(Self.panel, n - first))
    }
  }
}
