// One channel of float values for filters. Rows are padded to whole SIMD registers, so that loops have no remainder.

/// H x W values; row y begins at y * stride. The padding on the right has finite values without meaning.
package final class Plane {
  static let lanes = 16
  package let width: Int
  package let height: Int
  let stride: Int
  let base: UnsafeMutablePointer<Float>

  package init(width: Int, height: Int) {
    self.width = width
    self.height = height
    stride = (width + Self.lanes - 1) / Self.lanes * Self.lanes
    base = .allocate(capacity: stride * height)
    base.initialize(repeating: 0, count: stride * height)
  }

  deinit { base.deallocate() }

  @inline(__always)
  package func row(_ y: Int) -> UnsafeMutablePointer<Float> { base + y &* stride }

  /// The values without padding, row after row.
  package var values: [Float] { (0..<height).flatMap { UnsafeBufferPointer(start: row($0), count: width) } }
}

/// Loads sixteen values from any address.
@inline(__always)
func load16(_ p: UnsafePointer<Float>) -> SIMD16<Float> {
  UnsafeRawPointer(p).loadUnaligned(as: SIMD16<Float>.self)
}

@inline(__always)
func store16(_ v: SIMD16<Float>, _ p: UnsafeMutablePointer<Float>) {
  UnsafeMutableRawPointer(p).storeBytes(of: v, as: SIMD16<Float>.self)
}

/// A row with `reach` values of border on both sides and space for a whole register after them.
struct PaddedRow {
  private let storage: UncheckedBuffer<Float>
  private let reach: Int
  private let left: [Int]
  private let right: [Int]
  private let width: Int

  init(width: Int, reach: Int, border: Border) {
    self.width = width
    self.reach = reach
    storage = UncheckedBuffer(repeating: 0, count: width + 2 * reach + 2 * Plane.lanes)
    left = (0..<reach).map { border.index($0 - reach, width) }
    right = (0..<reach).map { border.index(width + $0, width) }
  }

  /// Copies a row of values and returns the padded row, in which value x is at x + reach.
  func fill(_ row: UnsafePointer<Float>) -> UnsafePointer<Float> {
    let base = storage.base
    for (i, source) in left.enumerated() { base[i] = row[source] }
    (base + reach).update(from: row, count: width)
    for (i, source) in right.enumerated() { base[reach + width + i] = row[source] }
    return UnsafePointer(base)
  }
}
