// Matrix products against the naive twin.
import Kernels
import Testing

@Suite struct MatrixProductTests {
  struct Case: Sendable { let m: Int, n: Int, k: Int }

  static let cases = [
    Case(m: 1, n: 1, k: 1), Case(m: 3, n: 5, k: 7), Case(m: 4, n: 300, k: 33), Case(m: 517, n: 20, k: 19),
    Case(m: 64, n: 257, k: 100), Case(m: 130, n: 130, k: 3), Case(m: 600, n: 700, k: 5),
  ]

  @Test(
    "Products agree with the naive twin for every transposition.", arguments: cases,
    [(false, false), (true, false), (false, true), (true, true)])
  func agreesWithItsTwin(_ shape: Case, transposed: (left: Bool, right: Bool)) {
    BLAS.useOneThread()
    var draws = Draws(21)
    let a = draws.floats(shape.m * shape.k)
    let b = draws.floats(shape.k * shape.n)
    let product = MatrixProduct(
      rows: shape.m, columns: shape.n, inner: shape.k, leftTransposed: transposed.left,
      rightTransposed: transposed.right)
    var c = nans(shape.m * shape.n)
    inOddOrder(product.tasks) { product.multiply(a, b, into: &c, task: $0) }
    let truth = NaiveMatrixProduct.multiply(
      doubles(a), doubles(b), rows: shape.m, columns: shape.n, inner: shape.k, leftTransposed: transposed.left,
      rightTransposed: transposed.right)
    #expect(relativeError(c, truth) < 2e-6)
  }

  @Test("Large products have tasks for many threads.") func largeProductsHaveTasksForManyThreads() {
    #expect((8...64).contains(MatrixProduct(rows: 64, columns: 4096, inner: 25088, rightTransposed: true).tasks))
    #expect((8...64).contains(MatrixProduct(rows: 4096, columns: 25088, inner: 64, leftTransposed: true).tasks))
    #expect((8...64).contains(MatrixProduct(rows: 64, columns: 25088, inner: 4096).tasks))
    #expect(MatrixProduct(rows: 64, columns: 20, inner: 4096).tasks == 1)
  }
}
