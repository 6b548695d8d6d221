// The gradient of max(0, x) and the channel sums against their naive twins.
import Kernels
import Testing

@Suite struct RectificationTests {
  static let shapes = [
    Shape(n: 1, c: 16, h: 1, w: 1), Shape(n: 2, c: 32, h: 3, w: 7), Shape(n: 1, c: 48, h: 33, w: 65),
    Shape(n: 4, c: 16, h: 32, w: 32),
  ]

  @Test("The gradient and the channel sums agree with the naive twins, fused or not.", arguments: shapes)
  func agreesWithItsTwin(_ shape: Shape) {
    let rectification = Rectification(images: shape.n, channels: shape.c, height: shape.h, width: shape.w)
    let sums = ChannelSums(images: shape.n, channels: shape.c, height: shape.h, width: shape.w)
    var draws = Draws(5)
    let y = draws.floats(shape.count).map { max($0, 0) }
    let gradient = draws.floats(shape.count, -1...2)
    let truth = NaiveRectification.backward(shape.maps(gradient), output: shape.maps(y))

    var apart = gradient
    inOddOrder(rectification.tasks) { rectification.backward(gradient: &apart, output: y, task: $0) }
    #expect(identical(apart, truth.blocked))
    var workspace = nans(sums.workspaceFloats)
    var biasGradient = nans(shape.c)
    inOddOrder(sums.tasks) { sums.gather(apart, workspace: &workspace, task: $0) }
    sums.combine(workspace: workspace, into: &biasGradient)
    #expect(relativeError(biasGradient, NaiveRectification.channelSums(truth)) < 1e-6)

    var fused = gradient
    var fusedWorkspace = nans(sums.workspaceFloats)
    #expect(rectification.tasks == sums.tasks)
    inOddOrder(rectification.tasks) {
      rectification.backwardAndSum(gradient: &fused, output: y, workspace: &fusedWorkspace, task: $0)
    }
    #expect(identical(fused, apart))
    #expect(identical(fusedWorkspace, workspace))
  }

  @Test("No gradient passes where the output is not above zero.") func zeroOutputsPassNothing() {
    let rectification = Rectification(images: 1, channels: 16, height: 1, width: 1)
    var gradient = [Float](repeating: 3, count: 16)
    let y: [Float] = (0..<16).map { [0, -0.0, 1e-38, -1][$0 % 4] }
    rectification.backward(gradient: &gradient, output: y, task: 0)
    #expect(gradient == (0..<16).map { $0 % 4 == 2 ? 3 : 0 })
  }
}
