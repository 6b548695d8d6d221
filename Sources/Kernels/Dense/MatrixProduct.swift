// Matrix products by OpenBLAS, cut into calls of fixed shape, so that any number of threads gives the same bits.
//
//   C [m][n] = A [m][k] B [k][n], all row-major
import COpenBLAS

/// The plan of a product of one shape. Either factor may be stored transposed: A as [k][m], B as [n][k].
///
/// C is cut into bands of rows where it has many, else of columns, and never along k. One call computes each element of
/// C, and the calls do not depend on the threads.
package struct MatrixProduct: Sendable {
  private let m: Int
  private let n: Int
  private let k: Int
  private let leftTransposed: Bool
  private let rightTransposed: Bool
  /// True to cut rows. The output of a call is then contiguous, which is a fifth faster for 4096 x 8192 x 64.
  private let cutsRows: Bool
  private let side: Int
  private let block: Int

  package init(rows m: Int, columns n: Int, inner k: Int, leftTransposed: Bool = false, rightTransposed: Bool = false) {
    precondition(m > 0 && n > 0 && k > 0, "no product of \(m) x \(k) and \(k) x \(n)")
    self.m = m
    self.n = n
    self.k = k
    self.leftTransposed = leftTransposed
    self.rightTransposed = rightTransposed
    cutsRows = m >= 512 || m > n
    side = cutsRows ? m : n
    // About 32 tasks, but none so narrow that packing the other factor dominates the call.
    block = min(max((side / 32 + 63) / 64 * 64, 128), side)
  }

  /// The number of tasks: one per call of OpenBLAS.
  package var tasks: Int { (side + block - 1) / block }

  /// Overwrites the task's rows or columns of C. `BLAS.useOneThread` must have been called.
  package func multiply(
    _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, into c: UnsafeMutablePointer<Float>, task: Int
  ) {
    let first = task * block
    let length = min(block, side - first)
    if cutsRows {
      call(a + (leftTransposed ? first : first * k), b, c + first * n, rows: length, columns: n)
    } else {
      call(a, b + (rightTransposed ? first * k : first), c + first, rows: m, columns: length)
    }
  }

  private func call(
    _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ c: UnsafeMutablePointer<Float>, rows: Int, columns: Int
  ) {
    cblas_sgemm(
      CblasRowMajor, leftTransposed ? CblasTrans : CblasNoTrans, rightTransposed ? CblasTrans : CblasNoTrans,
      Int32(rows), Int32(columns), Int32(k), 1, a, Int32(leftTransposed ? m : k), b, Int32(rightTransposed ? k : n), 0,
      c, Int32(n))
  }
}
