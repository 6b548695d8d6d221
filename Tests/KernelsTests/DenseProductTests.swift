// Products of a few rows with a large matrix against the naive twin and the documented order of summation.
import Kernels
import Testing

@Suite struct DenseProductTests {
  struct Case: Sendable { let m: Int, n: Int, k: Int }

  static let cases = [
    Case(m: 1, n: 1, k: 1), Case(m: 3, n: 5, k: 7), Case(m: 4, n: 33, k: 16), Case(m: 13, n: 64, k: 100),
    Case(m: 16, n: 96, k: 512), Case(m: 64, n: 20, k: 530), Case(m: 24, n: 1100, k: 1040), Case(m: 65, n: 2080, k: 33),
  ]

  func product(_ a: [Float], _ b: [Float], _ shape: Case, transposed: Bool) -> [Float] {
    let plan = DenseProduct(rows: shape.m, columns: shape.n, inner: shape.k, transposed: transposed)
    var packed = nans(plan.packedFloats)
    inOddOrder(plan.packingTasks) { plan.pack(a, into: &packed, task: $0) }
    var y = nans(shape.m * shape.n)
    inOddOrder(plan.tasks) {
      var scratch = nans(plan.scratchFloats)
      plan.multiply(packed, b, into: &y, task: $0, scratch: &scratch)
    }
    return y
  }

  @Test("Products agree with the naive twin.", arguments: cases, [false, true])
  func agreesWithItsTwin(_ shape: Case, transposed: Bool) {
    var draws = Draws(22)
    let (a, b) = (draws.floats(shape.m * shape.k), draws.floats(shape.n * shape.k))
    let truth = NaiveMatrixProduct.multiply(
      doubles(a), doubles(b), rows: shape.m, columns: shape.n, inner: shape.k, leftTransposed: false,
      rightTransposed: transposed)
    #expect(relativeError(product(a, b, shape, transposed: transposed), truth) < 2e-6)
  }

  @Test("Each element is summed in the documented order.", arguments: cases, [false, true])
  func sumsInTheDocumentedOrder(_ shape: Case, transposed: Bool) {
    var draws = Draws(23)
    let (a, b) = (draws.floats(shape.m * shape.k), draws.floats(shape.n * shape.k))
    let found = product(a, b, shape, transposed: transposed)
    for element in stride(from: 0, to: shape.m * shape.n, by: max(shape.m * shape.n / 500, 1)) {
      let (row, column) = element.quotientAndRemainder(dividingBy: shape.n)
      var sum: Float?
      for start in stride(from: 0, to: shape.k, by: 512) {
        var chain: Float = 0
        for l in start..<min(start + 512, shape.k) {
          chain.addProduct(a[row * shape.k + l], b[transposed ? column * shape.k + l : l * shape.n + column])
        }
        sum = sum.map { chain + $0 } ?? chain
      }
      #expect(found[element] == sum)
    }
  }

  @Test("A row has the same bits whatever rows surround it.", arguments: [false, true])
  func aRowDoesNotDependOnItsNeighbours(transposed: Bool) {
    let shape = Case(m: 31, n: 200, k: 700)
    var draws = Draws(24)
    let (a, b) = (draws.floats(shape.m * shape.k), draws.floats(shape.n * shape.k))
    let all = product(a, b, shape, transposed: transposed)
    for count in [1, 4, 9, 12, 17, 28] {
      let few = Case(m: count, n: shape.n, k: shape.k)
      #expect(
        identical(
          product(Array(a[..<(count * shape.k)]), b, few, transposed: transposed), Array(all[..<(count * shape.n)])))
    }
  }

  @Test("The layers over pool5 have tasks for many threads.") func theLayersOverPool5HaveTasksForManyThreads() {
    #expect((8...64).contains(DenseProduct(rows: 64, columns: 4096, inner: 25088, transposed: true).tasks))
    #expect((8...64).contains(DenseProduct(rows: 64, columns: 25088, inner: 4096, transposed: false).tasks))
    #expect((8...64).contains(DenseProduct(rows: 64, columns: 2048, inner: 50176, transposed: true).tasks))
    #expect(DenseProduct(rows: 64, columns: 20, inner: 4096, transposed: true).tasks == 1)
  }
}
