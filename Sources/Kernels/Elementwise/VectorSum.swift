// Sums of whole vectors.

/// Elementwise addition: one node of the reduction tree.
package enum VectorSum {
  /// Adds a to b.
  package static func add(_ a: UnsafePointer<Float>, into b: UnsafeMutablePointer<Float>, count: Int) {
    var i = 0
    while i + 16 <= count {
      b.setLanes(b.lanes(at: i) + a.lanes(at: i), at: i)
      i += 16
    }
    while i < count {
      b[i] += a[i]
      i += 1
    }
  }
}
