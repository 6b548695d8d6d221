// The accuracy of the layers over pool5: products of rows and matrices, and the folding of fc6_deconv's rows.
import Compute
import Kernels
import Layers

extension AccuracyBenchmark {
  func measureProducts() {
    for spec in specs(of: FullyConvolutionalSpec.self) {
      measure(
        spec, .convolution, rows: images * spec.output.pixels, inputs: spec.input.channels * spec.kernel * spec.kernel,
        outputs: spec.output.channels, hasRowBias: spec.normalization == nil)
    }
    for spec in specs(of: TransposedFullyConvolutionalSpec.self) {
      measure(
        spec, .transposed, rows: images * spec.input.pixels, inputs: spec.input.channels,
        outputs: spec.output.channels * spec.kernel * spec.kernel, hasRowBias: false)
      measureFolding(spec)
    }
  }

  /// - Parameter hasRowBias: the layer adds its bias to rows. Before batch normalization a bias has no effect.
  private func measure(
    _ spec: any LayerSpec, _ layout: WeightLayout, rows: Int, inputs: Int, outputs: Int, hasRowBias: Bool
  ) {
    let name = spec.name
    let direct = layout == .convolution
    let table = ParameterTable([
      ParameterSpec(
        "\(name).weight", direct ? [outputs, inputs] : [inputs, outputs], .weight, layer: name,
        gradient: spec.parameters[0].gradient),
      ParameterSpec("\(name).bias", [outputs], .bias, layer: name),
    ])
    let parameters = ParameterVector(table)
    let weights = weights(inputs * outputs, fanIn: inputs)
    let weight = parameters.pointer + table.offset(of: "\(name).weight")
    weight.update(from: weights.pointer, count: weights.count)
    let layer = DenseLayer(
      name, layout: layout, rows: rows, inputs: inputs, outputs: outputs, parameters: parameters, isTrained: false,
      context: context)
    let (x, dy) = (values(rows * inputs, .rectified), values(rows * outputs, .normal(1)))
    let (y, dx) = (AlignedMemory(floats: rows * outputs), AlignedMemory(floats: rows * inputs))
    let text = "\(name): \(inputs) to \(outputs), \(rows) rows"
    /// Returns the place of the weight between an input and an output.
    func place(_ input: Int, _ output: Int) -> Int { direct ? output * inputs + input : input * outputs + output }

    layer.multiply(x, into: y)
    compare("product forward", text, terms: inputs, y.pointer, count: y.count) { index in
      var element = Element.zero
      for c in 0..<inputs {
        element.add(x.pointer[index / outputs * inputs + c], weight[place(c, index % outputs)])
      }
      return element
    }
    layer.multiplyBack(dy, into: dx)
    compare("product data gradient", text, terms: outputs, dx.pointer, count: dx.count) { index in
      var element = Element.zero
      for k in 0..<outputs {
        element.add(dy.pointer[index / inputs * outputs + k], weight[place(index % inputs, k)])
      }
      return element
    }
    let gradient = WholeGradient(table, rows: rows)
    layer.weightGradient(x, dy, into: gradient.shard)
    gradient.complete(context.workers)
    let found = gradient.vector.pointer
    compare(
      "product weight gradient", text, terms: rows, found + table.offset(of: "\(name).weight"), count: weights.count
    ) { index in
      let (c, k) = direct ? (index % inputs, index / inputs) : (index / outputs, index % outputs)
      var element = Element.zero
      for row in 0..<rows { element.add(dy.pointer[row * outputs + k], x.pointer[row * inputs + c]) }
      return element
    }
    guard hasRowBias else { return }
    layer.biasGradient(dy, into: found)
    compare(
      "row bias gradient", text, terms: rows, found + table.offset(of: "\(name).bias"), count: outputs
    ) { k in
      var element = Element.zero
      for row in 0..<rows { element.add(dy.pointer[row * outputs + k]) }
      return element
    }
  }

  /// Measures the adjoint of unfolding, which adds up to k x k rows per pixel. Unfolding itself only copies.
  private func measureFolding(_ spec: TransposedFullyConvolutionalSpec) {
    let (channels, side, kernel) = (spec.output.channels, spec.output.height, spec.kernel)
    let plan = Im2Col(images: images, channels: channels, height: side, width: side, kernel: kernel)
    let rows = values(plan.rows * plan.columns, .normal(1))
    let maps = AlignedMemory(floats: images * channels * side * side)
    context.run(plan.foldTasks) { plan.fold(rows.pointer, into: maps.pointer, task: $0) }
    let (place, out, columns) = (
      BlockedIndex(channels: channels, height: side, width: side), side - kernel + 1, plan.columns
    )
    compare(
      "folding", "\(spec.name): \(channels) at \(side)", terms: min(kernel, out) * min(kernel, out), maps.pointer,
      count: maps.count
    ) { index in
      let (image, channel, y, x) = place.place(index)
      var element = Element.zero
      for ky in 0..<kernel where (0..<out).contains(y - ky) {
        for kx in 0..<kernel where (0..<out).contains(x - kx) {
          let row = (image * out + y - ky) * out + x - kx
          element.add(rows.pointer[row * columns + (channel * kernel + ky) * kernel + kx])
        }
      }
      return element
    }
  }
}
