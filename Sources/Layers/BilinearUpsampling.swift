// Bilinear upsampling of a coarse score map to the size of the image, with half-pixel centres and clamped borders.
import Compute
import Kernels

package struct BilinearUpsamplingSpec: LayerSpec {
  package let name: String
  package let input: ActivationShape
  let factor: Int

  package var output: ActivationShape {
    ActivationShape(
      .planes, channels: input.channels, height: factor * input.height, width: factor * input.width)
  }

  package func makeLayer(_ resources: LayerResources) -> any Layer { BilinearUpsamplingLayer(self, resources) }
}

extension LayerList {
  /// Appends the upsampling of a score map in rows to planes `factor` times as high and wide.
  package mutating func bilinearUpsampling(_ name: String, factor: Int) {
    append(BilinearUpsamplingSpec(name: fullName(name), input: shape, factor: factor))
  }
}

package final class BilinearUpsamplingLayer: Layer {
  private let spec: BilinearUpsamplingSpec
  private let images: Int
  private let context: ExecutionContext
  private let plan: BilinearUpsampling
  /// [M][C]
  private let input: PlainValues
  /// (N, C, h, w): the rows transposed, and then their gradient.
  private let coarse: AlignedMemory
  /// (N, C, H, W)
  package let planes: PlainValues

  package var output: Activation { .planes(planes) }

  init(_ spec: BilinearUpsamplingSpec, _ resources: LayerResources) {
    self.spec = spec
    images = resources.images
    context = resources.context
    input = resources.input.rows
    plan = BilinearUpsampling(
      images: images, channels: spec.input.channels, height: spec.input.height, width: spec.input.width,
      factor: spec.factor)
    coarse = AlignedMemory(floats: images * spec.input.count)
    planes = PlainValues(floats: images * spec.output.count, trained: resources.isTrained)
  }

  package func forward(_ pass: ForwardPass) {
    context.stage(spec.name, .other, .forward)
    let (channels, pixels) = (spec.input.channels, spec.input.pixels)
    context.run(images) { image in
      let rows = input.values.pointer + image * spec.input.count
      let planes = coarse.pointer + image * spec.input.count
      for pixel in 0..<pixels {
        for channel in 0..<channels { planes[channel * pixels + pixel] = rows[pixel * channels + channel] }
      }
    }
    context.run(plan.tasks) { plan.forward(coarse.pointer, into: planes.values.pointer, task: $0) }
  }

  package func backward(_ pass: BackwardPass) {
    context.stage(spec.name, .other, .backward)
    let outputGradient = planes.requiredGradient
    context.run(plan.tasks) { plan.backward(outputGradient.pointer, into: coarse.pointer, task: $0) }
    let gradient = input.requiredGradient
    let (channels, pixels) = (spec.input.channels, spec.input.pixels)
    context.run(images) { image in
      let rows = gradient.pointer + image * spec.input.count
      let planes = coarse.pointer + image * spec.input.count
      for pixel in 0..<pixels {
        for channel in 0..<channels { rows[pixel * channels + channel] = planes[channel * pixels + pixel] }
      }
    }
  }
}
