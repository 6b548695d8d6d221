// Small matrix products for processors whose vector registers are 16 of 8 floats (AVX2): what the Winograd domain needs,
// and the dense layers.
//
// Twelve rows by 32 columns would spill there. Six rows by 16 columns are 12 registers, which leaves two for the
// weights and two for the value that is spread over a vector. Sums run in the same order as in the large products.
//
// Goals, in this order: speed, brevity.
import COpenBLAS

/// What the processor's vectors are like, known when the code is compiled: the branch not taken vanishes.
enum Vectors {
  /// 16 floats fit one register, and there are 32 of them.
  @inline(__always) static var areWide: Bool { DNET_WIDE_VECTORS != 0 }
}

/// A column of values in memory for each of many steps, times 16 weights for each step.
struct NarrowFactors {
  /// The first column's first value; columns follow each other.
  let columns: UnsafePointer<Float>
  /// Floats from one row's value to the next row's.
  let rowStep: Int
  /// Sixteen columns stand side by side; floats from such a block to the next.
  let blockStep: Int
  let weights: UnsafePointer<Float>
  /// Floats from one step's weights to the next.
  let weightStep: Int
  let blocks: Int

  /// The sums of six rows, stored `step` apart (`rowStep` if not given) or, if asked, added to what stands there.
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

  /// The sums of four rows, as `sixRows`.
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

/// Sums of two rows by 16 columns.
struct TwoRowsBy16 {
  private typealias Lanes = SIMD16<Float>
  private var row0, row1: SIMD16<Float>

  @inline(__always)
  init() { (row0, row1) = (.zero, .zero) }

  @inline(__always)
  mutating func add(_ column: UnsafePointer<Float>, step: Int, _ row: SIMD16<Float>) {
    row0.addProduct(row, Lanes(repeating: column[0]))
    row1.addProduct(row, Lanes(repeating: column[step]))
  }

  /// Adds the sums to rows `step` floats apart, or begins these with them.
  @inline(__always)
  func put(_ rows: UnsafeMutablePointer<Float>, step: Int, adding: Bool) {
    rows.setLanes(adding ? row0 + rows.lanes(at: 0) : row0, at: 0)
    rows.setLanes(adding ? row1 + rows.lanes(at: step) : row1, at: step)
  }
}
