// Dropout after fc6 and fc7 while the classification network is trained (docs/reference.md section 8).
//
// The units that are dropped depend on the seed, the iteration, the example's slot in the minibatch and the layer, not
// on the rank that happens to hold the example.
import Compute
import Kernels
import Randomness

/// The part of the random streams' keys that distinguishes one shard of one minibatch.
package struct DropoutKey: Sendable {
  package let seed: UInt64
  package let iteration: Int
  /// Slot in the minibatch of the shard's first example.
  package let firstSlot: Int

  package init(seed: UInt64, iteration: Int, firstSlot: Int) {
    self.seed = seed
    self.iteration = iteration
    self.firstSlot = firstSlot
  }
}

package struct DropoutSpec: LayerSpec {
  package let name: String
  package let input: ActivationShape
  /// Distinguishes the random streams of several dropout layers.
  let stream: UInt64

  package var output: ActivationShape { input }

  package func makeLayer(_ resources: LayerResources) -> any Layer { DropoutLayer(self, resources) }
}

extension LayerList {
  /// Appends dropout, which works in place on the rows of the layer before it. The rate is the phase's.
  package mutating func dropout(_ name: String, stream: UInt64) {
    append(DropoutSpec(name: fullName(name), input: shape, stream: stream))
  }
}

package final class DropoutLayer: Layer {
  private let spec: DropoutSpec
  /// Probability that a unit is dropped, in 0..<1.
  private let rate: Float
  private let images: Int
  private let context: ExecutionContext
  private let rows: PlainValues

  package var output: Activation { .rows(rows) }

  init(_ spec: DropoutSpec, _ resources: LayerResources) {
    self.spec = spec
    rate = resources.dropoutRate
    images = resources.images
    context = resources.context
    rows = resources.input.rows
  }

  private var keptScale: Float { 1 / (1 - rate) }

  /// Zeros units of the rows and scales those that stay by 1 / (1 - rate).
  package func forward(_ pass: ForwardPass) {
    guard rate > 0, let key = pass.dropoutKey else { return }
    context.stage(spec.name, .other, .forward)
    let valuesPerImage = spec.input.count
    context.run(images) { image in
      let random = CounterRandom(
        seed: key.seed, .dropout, UInt64(key.iteration), UInt64(key.firstSlot + image), spec.stream)
      let values = rows.values.pointer + image * valuesPerImage
      // A 64-bit word decides two units, by 32 bits each.
      let threshold = UInt64(Double(rate) * 4_294_967_296)
      for pair in 0..<(valuesPerImage + 1) / 2 {
        let word = random.word(at: UInt64(pair))
        let index = 2 * pair
        values[index] *= word & 0xffff_ffff < threshold ? 0 : keptScale
        if index + 1 < valuesPerImage { values[index + 1] *= word >> 32 < threshold ? 0 : keptScale }
      }
    }
  }

  /// Scales the gradient. The units that were dropped show in their outputs, which are 0 like those that ReLU cut.
  package func backward(_ pass: BackwardPass) {
    guard rate > 0 else { return }
    context.stage(spec.name, .other, .backward)
    let gradient = rows.requiredGradient
    let (scale, block) = (keptScale, 4096)
    context.run((gradient.count + block - 1) / block) { task in
      for index in task * block..<min((task + 1) * block, gradient.count) { gradient.pointer[index] *= scale }
    }
  }
}
