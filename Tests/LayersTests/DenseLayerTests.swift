// The products of dense layers with awkward numbers of rows.
import Compute
import Layers
import TestSupport
import Testing

@Suite struct DenseLayerTests {
  /// fc6 with a kernel of 2 over 32 channels, or its transposed relative.
  private func list(_ layout: WeightLayout, _ gradient: GradientForm) -> LayerList {
    if layout == .convolution {
      var list = LayerList(section: "classification", input: ActivationShape(.maps, channels: 32, size: 3))
      list.fullyConvolutional("fc6", 256, kernel: 2, gradient: gradient)
      return list
    }
    var list = LayerList(section: "bridging", input: ActivationShape(.rows, channels: 128, size: 2))
    list.transposedFullyConvolutional("fc6_deconv", 32, kernel: 2, normalization: .authors)
    return list
  }

  @Test(
    "The gradients of rows, weights and biases equal differences.",
    arguments: [(WeightLayout.convolution, GradientForm.factored), (.convolution, .stored), (.transposed, .factored)])
  func gradientsEqualDifferences(layout: WeightLayout, gradient: GradientForm) {
    let context = ExecutionContext(workers: WorkerPool(threads: 2))
    let direct = layout == .convolution
    let list = list(layout, gradient)
    let parameters = ParameterVector(list.parameterTable)
    SampleNetwork.fill(parameters, smooth: true, biases: 6)
    let (name, inputs, outputs) = direct ? ("classification.fc6", 32 * 4, 256) : ("bridging.fc6_deconv", 128, 32 * 4)
    #expect(parameters["\(name).weight"].count == inputs * outputs)
    let rows = 7
    let layer = DenseLayer(
      name, layout: layout, rows: rows, inputs: inputs, outputs: outputs, parameters: parameters, isTrained: true,
      context: context)
    let x = AlignedMemory(floats: rows * inputs)
    let y = AlignedMemory(floats: rows * outputs)
    ReferenceValues.fill(x.buffer, "x")
    let c = ReferenceValues.values("coefficients", count: y.count, center: 0.2, amplitude: 1)
    func loss() -> Double {
      // The transposed product has no bias of its own, nor a ReLU.
      if direct { layer.forward(x, into: y, rectified: true) } else { layer.multiply(x, into: y) }
      return c.indices.reduce(0.0) { $0 + Double(c[$1]) * Double(y.pointer[$1]) }
    }
    _ = loss()
    let dy = AlignedMemory(floats: y.count)
    dy.pointer.update(from: c, count: c.count)
    let dx = AlignedMemory(floats: x.count)
    let whole = WholeGradient(parameters.table, rows: rows)
    if direct {
      #expect(y.array.contains(0) && y.array.contains { $0 > 0 })
      layer.rectifyGradient(dy, output: y)
      layer.biasGradient(dy, into: whole.vector.pointer)
    }
    layer.weightGradient(x, dy, into: whole.shard)
    whole.complete(context.workers)
    layer.multiplyBack(dy, into: dx)
    let products = zip(c, y.array).map { Double($0) * Double($1) }
    let noise = 20 * 6e-8 * products.reduce(0.0) { $0 + $1 * $1 }.squareRoot()
    let check = GradientCheck(noise: noise, loss: loss)
    #expect(check.failures("x", x.buffer, gradient: dx.array) == [])
    for part in ["weight"] + (direct ? ["bias"] : []) {
      let name = "\(name).\(part)"
      #expect(check.failures(name, parameters[name], gradient: Array(whole.vector[name])) == [])
    }
  }

  @Test("The first rows alone give the first rows of the data gradient.") func someRowsAlone() {
    let context = ExecutionContext(workers: WorkerPool(threads: 2))
    let parameters = ParameterVector(list(.convolution, .factored).parameterTable)
    SampleNetwork.fill(parameters, smooth: true)
    let layer = DenseLayer(
      "classification.fc6", layout: .convolution, rows: 7, inputs: 128, outputs: 256, parameters: parameters,
      isTrained: false, context: context)
    let dy = AlignedMemory(floats: 7 * 256)
    ReferenceValues.fill(dy.buffer, "dy")
    let (all, some) = (AlignedMemory(floats: 7 * 128), AlignedMemory(floats: 7 * 128))
    layer.multiplyBack(dy, into: all)
    layer.multiplyBack(dy, into: some, rows: 3)
    #expect(relativeError(some.array.prefix(3 * 128), doubles(all.array.prefix(3 * 128))) < 1e-6)
    #expect(some.array.dropFirst(3 * 128).allSatisfy { $0 == 0 })
  }
}
