// Pooling, unpooling and their gradients against the naive twins, ties included.
import Kernels
import Testing

@Suite struct MaxPoolingTests {
  static let shapes = [
    Shape(n: 1, c: 16, h: 2, w: 2), Shape(n: 2, c: 32, h: 6, w: 10), Shape(n: 3, c: 16, h: 2, w: 34),
    Shape(n: 1, c: 48, h: 70, w: 22),
  ]

  @Test("Pooling, scattering and gathering equal the naive twins.", arguments: shapes) func agreesWithItsTwin(
    _ shape: Shape
  ) {
    let small = Shape(n: shape.n, c: shape.c, h: shape.h / 2, w: shape.w / 2)
    let pooling = MaxPooling(images: shape.n, channels: shape.c, height: shape.h, width: shape.w)
    var draws = Draws(3)
    // Few distinct values, so that most windows have ties.
    let x = draws.floats(shape.count, 0...3).map { $0.rounded() }
    var y = nans(small.count)
    var poolingIndices = [UInt8](repeating: 77, count: small.count)
    inOddOrder(pooling.tasks) { pooling.pool(x, into: &y, poolingIndices: &poolingIndices, task: $0) }
    let truth = NaiveMaxPooling.pool(shape.maps(x))
    #expect(identical(y, truth.maxima.blocked))
    #expect(identical(poolingIndices.map(Float.init), truth.places.blocked))

    let values = draws.floats(small.count)
    var large = nans(shape.count)
    inOddOrder(pooling.tasks) { pooling.scatter(values, poolingIndices: poolingIndices, into: &large, task: $0) }
    #expect(identical(large, NaiveMaxPooling.scatter(small.maps(values), places: truth.places).blocked))

    let gradient = draws.floats(shape.count)
    var gathered = nans(small.count)
    inOddOrder(pooling.tasks) { pooling.gather(gradient, poolingIndices: poolingIndices, into: &gathered, task: $0) }
    #expect(identical(gathered, NaiveMaxPooling.gather(shape.maps(gradient), places: truth.places).blocked))
  }

  @Test("The first of equal maxima wins.") func firstOfEqualMaximaWins() {
    let pooling = MaxPooling(images: 1, channels: 16, height: 2, width: 2)
    // Channel c holds the four bits of c: every pattern of ties.
    let x = (0..<64).map { Float(($0 % 16) >> ($0 / 16) & 1) }
    var y = nans(16)
    var poolingIndices = [UInt8](repeating: 77, count: 16)
    pooling.pool(x, into: &y, poolingIndices: &poolingIndices, task: 0)
    #expect(pooling.tasks == 1)
    #expect(poolingIndices == [0, 0, 1, 0, 2, 0, 1, 0, 3, 0, 1, 0, 2, 0, 1, 0])
  }

  @Test("Scatter is the gradient of pooling, and gather that of scatter.")
  func scatterIsTheGradientOfPoolAndGatherOfScatter() {
    let shape = Shape(n: 1, c: 16, h: 4, w: 6)
    var draws = Draws(4)
    let x = shape.maps(draws.floats(shape.count))
    let (maxima, places) = NaiveMaxPooling.pool(x)
    let dy = maxima.like { _, _, _, _ in Double(draws.uniform()) }
    let byX = differences(x.values) {
      dot(
        dy.values,
        NaiveMaxPooling.pool(NaiveMaps(images: 1, channels: 16, height: 4, width: 6, values: $0)).maxima.values)
    }
    #expect(largestDifference(NaiveMaxPooling.scatter(dy, places: places).values, byX) < 1e-6)
    let adjoint = dot(NaiveMaxPooling.gather(x, places: places).values, dy.values)
    #expect(abs(adjoint - dot(x.values, NaiveMaxPooling.scatter(dy, places: places).values)) < 1e-12)
  }
}
