// The layers over pool5 as they run: products of rows and matrices, and the folding of fc6_deconv's rows.
import Compute
import Kernels
import Networks

extension AccuracyBenchmark {
  func measureProducts() {
    let (c5, fc, bridge) = (shape.channels(512), shape.channels(4096), shape.channels(2048))
    let (rows, window) = (images * shape.scorePixels, shape.fc6Kernel * shape.fc6Kernel)
    measure("fc6", .convolution, rows, inputs: c5 * window, outputs: fc)
    measure("fc7", .convolution, rows, inputs: fc, outputs: fc)
    measure("score", .convolution, rows, inputs: fc, outputs: shape.classes)
    measure("bridging fc6", .convolution, rows, inputs: 2 * c5 * window, outputs: bridge)
    measure("bridging fc7", .convolution, rows, inputs: bridge, outputs: bridge)
    measure("fc6_deconv", .transposed, rows, inputs: bridge, outputs: c5 * window)
    measureFolding()
  }

  private func measure(_ name: String, _ kind: DenseLayer.Kind, _ rows: Int, inputs: Int, outputs: Int) {
    let direct = kind == .convolution
    let table = ParameterTable([
      Parameter(
        "\(name).weight", direct ? [outputs, inputs] : [inputs, outputs], .weight,
        gradient: name == "score" ? .stored : .factored),
      Parameter("\(name).bias", [outputs], .bias),
    ])
    let parameters = ParameterVector(table)
    let weights = weights(inputs * outputs, fanIn: inputs)
    let weight = parameters.pointer + table.offset(of: "\(name).weight")
    weight.update(from: weights.pointer, count: weights.count)
    let layer = DenseLayer(
      name, kind: kind, rows: rows, inputs: inputs, outputs: outputs, parameters: parameters, context: context)
    let (x, dy) = (values(rows * inputs, .rectified), values(rows * outputs, .normal(1)))
    let (y, dx) = (AlignedMemory(floats: rows * outputs), AlignedMemory(floats: rows * inputs))
    let text = "\(name): \(inputs) to \(outputs), \(rows) rows"
    /// Place of the weight between an input and an output.
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
    // The bridging layers normalise, which takes a bias away again.
    guard ["fc6", "fc7", "score"].contains(name) else { return }
    layer.biasGradient(dy, into: found)
    compare(
      "row bias gradient", text, terms: rows, found + table.offset(of: "\(name).bias"), count: outputs
    ) { k in
      var element = Element.zero
      for row in 0..<rows { element.add(dy.pointer[row * outputs + k]) }
      return element
    }
  }

  /// The adjoint of unfolding: up to k x k rows fall on a pixel. (Im2Col copies; its error is 0.)
  private func measureFolding() {
    let (channels, side, kernel) = (shape.channels(512), shape.pool5Size, shape.fc6Kernel)
    let plan = Im2Col(images: images, channels: channels, height: side, width: side, kernel: kernel)
    let rows = values(plan.rows * plan.columns, .normal(1))
    let maps = AlignedMemory(floats: images * channels * side * side)
    context.run(plan.foldTasks) { plan.fold(rows.pointer, into: maps.pointer, task: $0) }
    let (place, out, columns) = (
      BlockedIndex(channels: channels, height: side, width: side), side - kernel + 1, plan.columns
    )
    compare(
      "folding", "fc6_deconv: \(channels) at \(side)", terms: min(kernel, out) * min(kernel, out), maps.pointer,
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
