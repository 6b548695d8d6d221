// Bilinear upsampling and its adjoint against the naive twin, finite differences and values by hand.
import Kernels
import Testing

@Suite struct BilinearUpsamplingTests {
  func forward(_ shape: Shape, _ factor: Int, _ x: [Float]) -> [Float] {
    let kernel = BilinearUpsampling(images: shape.n, channels: shape.c, height: shape.h, width: shape.w, factor: factor)
    var y = nans(shape.count * factor * factor)
    inOddOrder(kernel.tasks) { kernel.forward(x, into: &y, task: $0) }
    return y
  }

  func backward(_ shape: Shape, _ factor: Int, _ dy: [Float]) -> [Float] {
    let kernel = BilinearUpsampling(images: shape.n, channels: shape.c, height: shape.h, width: shape.w, factor: factor)
    var dx = nans(shape.count)
    inOddOrder(kernel.tasks) { kernel.backward(dy, into: &dx, task: $0) }
    return dx
  }

  func maps(_ shape: Shape, _ values: [Double], factor: Int = 1) -> NaiveMaps {
    NaiveMaps(
      images: shape.n, channels: shape.c, height: shape.h * factor, width: shape.w * factor, values: values)
  }

  @Test(
    "Both directions agree with the naive twin.",
    arguments: [
      Shape(n: 1, c: 1, h: 1, w: 1), Shape(n: 2, c: 3, h: 1, w: 4), Shape(n: 1, c: 2, h: 5, w: 1),
      Shape(n: 2, c: 21, h: 4, w: 7),
    ], [1, 2, 3, 4, 5, 8, 16])
  func agreesWithItsTwin(_ shape: Shape, factor: Int) {
    var draws = Draws(61)
    let x = draws.floats(shape.count)
    let dy = draws.floats(shape.count * factor * factor)
    let truth = NaiveBilinearUpsampling.forward(maps(shape, doubles(x)), factor: factor)
    let y = forward(shape, factor, x)
    #expect(relativeError(y, truth.values) < 3e-7)
    let gradient = NaiveBilinearUpsampling.backward(
      maps(shape, doubles(dy), factor: factor), shape: maps(shape, doubles(x)), factor: factor)
    let dx = backward(shape, factor, dy)
    #expect(relativeError(dx, gradient.values) < 1e-6)
    // Adjoint: <U x, dy> = <x, U^T dy>.
    let scale = dot(doubles(y).map(abs), doubles(dy).map(abs))
    #expect(abs(dot(doubles(y), doubles(dy)) - dot(doubles(x), doubles(dx))) < 1e-6 * scale)
  }

  @Test("The naive twin's gradient agrees with finite differences.", arguments: [2, 3, 8])
  func twinAgreesWithDifferences(factor: Int) {
    let shape = Shape(n: 1, c: 2, h: 3, w: 4)
    var draws = Draws(62)
    let x = doubles(draws.floats(shape.count))
    let dy = maps(shape, doubles(draws.floats(shape.count * factor * factor)), factor: factor)
    let byInput = differences(x) {
      dot(NaiveBilinearUpsampling.forward(maps(shape, $0), factor: factor).values, dy.values)
    }
    let gradient = NaiveBilinearUpsampling.backward(dy, shape: maps(shape, x), factor: factor)
    #expect(largestDifference(gradient.values, byInput) < 1e-8)
  }

  @Test("Two and three times larger rows are PyTorch's, by hand.") func knownValues() {
    #expect(forward(Shape(n: 1, c: 1, h: 1, w: 2), 2, [0, 4]) == [0, 1, 3, 4, 0, 1, 3, 4])
    let thrice = forward(Shape(n: 1, c: 1, h: 2, w: 1), 3, [0, 6])
    #expect(relativeError(thrice, [0, 0, 0, 0, 0, 0, 2, 2, 2, 4, 4, 4, 6, 6, 6, 6, 6, 6]) < 1e-6)
    #expect(forward(Shape(n: 1, c: 1, h: 2, w: 3), 1, [1, 2, 3, 4, 5, 6]) == [1, 2, 3, 4, 5, 6])
  }
}
