// The accuracy of 3x3 layers at every shape that occurs in the network: forward pass, data gradient, weight gradient.
import Compute
import Kernels
import Layers

extension AccuracyBenchmark {
  /// A shape of 3x3 layers and the layers that have it.
  private struct Shape {
    let inputs: Int
    let outputs: Int
    let side: Int
    var names: [String]

    var text: String {
      let some = names.count > 2 ? "\(names[0]) and \(names.count - 1) more" : names.joined(separator: ", ")
      return "\(some): \(inputs) to \(outputs) at \(side)"
    }
  }

  private var shapes: [Shape] {
    var shapes: [Shape] = []
    for spec in specs(of: Convolution3x3Spec.self) {
      let (inputs, outputs, side) = (spec.input.channels, spec.output.channels, spec.output.height)
      if let known = shapes.firstIndex(where: { ($0.inputs, $0.outputs, $0.side) == (inputs, outputs, side) }) {
        shapes[known].names.append(Self.shortName(spec))
      } else {
        shapes.append(Shape(inputs: inputs, outputs: outputs, side: side, names: [Self.shortName(spec)]))
      }
    }
    return shapes
  }

  func measureConvolutions() {
    for shape in shapes {
      let (inputs, outputs, side) = (shape.inputs, shape.outputs, shape.side)
      let pixels = images * side * side
      let x = values(pixels * inputs, .rectified)
      let weights = weights(outputs * inputs * 9, fanIn: inputs * 9)
      let gradient = values(pixels * outputs, .normal(1))
      convolve("Winograd forward", shape, x: x, weights: weights, rotated: false, from: inputs, to: outputs)
      convolve(
        "Winograd data gradient", shape, x: gradient, weights: weights, rotated: true, from: outputs, to: inputs)
      let plan = WeightGradientPlan(
        .winograd, images: images, inputChannels: inputs, outputChannels: outputs, height: side, width: side)
      context.reserve(floats: plan.workspaceFloats)
      let result = AlignedMemory(floats: weights.count)
      plan.sum(input: x.pointer, outputGradient: gradient.pointer, into: result.pointer, context: context)
      let (from, to) = (
        BlockedIndex(channels: inputs, height: side, width: side),
        BlockedIndex(channels: outputs, height: side, width: side)
      )
      compare("Winograd weight gradient", shape.text, terms: pixels, result.pointer, count: result.count) { index in
        let (k, c, tap) = (index / 9 / inputs, index / 9 % inputs, index % 9)
        return Self.weightGradient(
          images: self.images, side: side, to: to, from: from, place: (k, c, tap), gradient: gradient.pointer,
          x: x.pointer)
      }
    }
  }

  private func convolve(
    _ kernel: String, _ shape: Shape, x: AlignedMemory, weights: AlignedMemory, rotated: Bool, from inputs: Int,
    to outputs: Int
  ) {
    let side = shape.side
    let plan = ConvolutionPlan(
      .winograd, images: images, inputChannels: inputs, outputChannels: outputs, height: side, width: side)
    let prepared = AlignedMemory(floats: plan.preparedCount)
    plan.prepare(weights.pointer, rotated: rotated, into: prepared.pointer, context: context)
    let result = AlignedMemory(floats: images * outputs * side * side)
    plan.apply(
      x.pointer, prepared: prepared.pointer, bias: nil, rectified: false, into: result.pointer, context: context)
    compare(kernel, shape.text, terms: 9 * inputs, result.pointer, count: result.count) {
      Self.convolution(
        $0, side: side, from: inputs, to: outputs, x: x.pointer, weights: weights.pointer, rotated: rotated)
    }
  }

  /// Computes one output of a 3x3 convolution; weights [out][in][3][3], or [in][out][3][3] rotated by 180 degrees.
  static func convolution(
    _ index: Int, side: Int, from inputs: Int, to outputs: Int, x: UnsafePointer<Float>,
    weights: UnsafePointer<Float>, rotated: Bool
  ) -> Element {
    let source = BlockedIndex(channels: inputs, height: side, width: side)
    let place = BlockedIndex(channels: outputs, height: side, width: side).place(index)
    var element = Element.zero
    for c in 0..<inputs {
      for tap in 0..<9 {
        let (y, column) = (place.y + tap / 3 - 1, place.x + tap % 3 - 1)
        guard y >= 0, y < side, column >= 0, column < side else { continue }
        let weight =
          rotated
          ? weights[(c * outputs + place.channel) * 9 + 8 - tap] : weights[(place.channel * inputs + c) * 9 + tap]
        element.add(weight, x[source(image: place.image, channel: c, y: y, x: column)])
      }
    }
    return element
  }

  /// Computes one weight's gradient: the sum over all pixels of all images.
  static func weightGradient(
    images: Int, side: Int, to: BlockedIndex, from: BlockedIndex, place: (output: Int, input: Int, tap: Int),
    gradient: UnsafePointer<Float>, x: UnsafePointer<Float>
  ) -> Element {
    let (k, c, tap) = place
    var element = Element.zero
    for image in 0..<images {
      for y in max(0, 1 - tap / 3)..<min(side, side + 1 - tap / 3) {
        for column in max(0, 1 - tap % 3)..<min(side, side + 1 - tap % 3) {
          element.add(
            gradient[to(image: image, channel: k, y: y, x: column)],
            x[from(image: image, channel: c, y: y + tap / 3 - 1, x: column + tap % 3 - 1)])
        }
      }
    }
    return element
  }

  // MARK: The planar convolution

  func measureFirstLayer() {
    for spec in specs(of: PlanarConvolutionSpec.self) { measure(spec) }
  }

  private func measure(_ spec: PlanarConvolutionSpec) {
    let (outputs, side) = (spec.output.channels, spec.output.height)
    let planes = values(images * 3 * side * side, .normal(60))
    let weights = weights(outputs * 27, fanIn: 27)
    let gradient = values(images * outputs * side * side, .normal(1))
    let text = "\(Self.shortName(spec)): 3 to \(outputs) at \(side)"
    let plan = PlanarConvolution(images: images, outputChannels: outputs, height: side, width: side)
    let prepared = AlignedMemory(floats: plan.preparedCount)
    context.run(plan.preparationTasks) { plan.prepare(weights.pointer, into: prepared.pointer, task: $0) }
    let result = AlignedMemory(floats: images * outputs * side * side)
    context.run(plan.tasks, scratch: plan.scratchFloats) { task, scratch in
      plan.apply(
        planes.pointer, prepared: prepared.pointer, bias: nil, rectified: false, into: result.pointer, task: task,
        scratch: scratch)
    }
    let to = BlockedIndex(channels: outputs, height: side, width: side)
    /// Returns the pixel under a tap of the kernel at an output pixel; nil outside the image.
    func pixel(image: Int, y: Int, x: Int, tap: Int) -> Float? {
      let (row, column) = (y + tap % 9 / 3 - 1, x + tap % 3 - 1)
      guard row >= 0, row < side, column >= 0, column < side else { return nil }
      return planes.pointer[((image * 3 + tap / 9) * side + row) * side + column]
    }
    compare("planar convolution forward", text, terms: 27, result.pointer, count: result.count) { index in
      let place = to.place(index)
      var element = Element.zero
      for tap in 0..<27 {
        if let value = pixel(image: place.image, y: place.y, x: place.x, tap: tap) {
          element.add(weights.pointer[place.channel * 27 + tap], value)
        }
      }
      return element
    }

    let weightPlan = PlanarWeightGradient(images: images, outputChannels: outputs, height: side, width: side)
    let (workspace, sums) = (AlignedMemory(floats: weightPlan.workspaceFloats), AlignedMemory(floats: outputs * 27))
    context.run(weightPlan.accumulationTasks, scratch: weightPlan.scratchFloats) { task, scratch in
      weightPlan.accumulate(
        planes: planes.pointer, outputGradient: gradient.pointer, workspace: workspace.pointer, task: task,
        scratch: scratch)
    }
    context.run(weightPlan.finishTasks, scratch: weightPlan.scratchFloats) { task, scratch in
      weightPlan.finish(workspace: workspace.pointer, into: sums.pointer, task: task, scratch: scratch)
    }
    compare(
      "planar convolution weight gradient", text, terms: images * side * side, sums.pointer, count: sums.count
    ) { index in
      var element = Element.zero
      for image in 0..<self.images {
        for y in 0..<side {
          for x in 0..<side {
            if let value = pixel(image: image, y: y, x: x, tap: index % 27) {
              element.add(gradient.pointer[to(image: image, channel: index / 27, y: y, x: x)], value)
            }
          }
        }
      }
      return element
    }
  }
}
