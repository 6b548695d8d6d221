// The naive twin of `MatrixProduct` and `DenseProduct`.

package enum NaiveMatrixProduct {
  /// Returns A [m][k] times B [k][n], each optionally stored transposed.
  package static func multiply(
    _ a: [Double], _ b: [Double], rows m: Int, columns n: Int, inner k: Int, leftTransposed: Bool, rightTransposed: Bool
  ) -> [Double] {
    var c = [Double](repeating: 0, count: m * n)
    for i in 0..<m {
      for j in 0..<n {
        for l in 0..<k {
          c[i * n + j] += a[leftTransposed ? l * m + i : i * k + l] * b[rightTransposed ? j * k + l : l * n + j]
        }
      }
    }
    return c
  }
}
