// Dropout after fc6 and fc7 while classification is trained (docs/reference.md section 8).
//
// Which unit is dropped depends on the seed, the iteration, the example's slot in the minibatch and the layer; not on
// the rank that happens to hold the example.
import Kernels
import Randomness
import Compute

/// What makes a minibatch's random draws its own.
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

package struct Dropout {
  /// Probability that a unit is dropped, in 0..<1.
  private let rate: Float
  /// Tells the layers apart.
  private let layer: UInt64
  private let context: ExecutionContext

  package init(rate: Float, layer: UInt64, context: ExecutionContext) {
    (self.rate, self.layer, self.context) = (rate, layer, context)
  }

  private static let purpose: UInt64 = 0x64726f70  // "drop"

  private var keptScale: Float { 1 / (1 - rate) }

  /// Zeroes units of the rectified rows [N * rowsPerExample][columns] and scales those that stay by 1 / (1 - rate).
  package func apply(to y: AlignedMemory, examples: Int, valuesPerExample: Int, key: DropoutKey) {
    guard rate > 0 else { return }
    context.run(examples) { example in
      let random = CounterRandom(
        seed: key.seed, Self.purpose, UInt64(key.iteration), UInt64(key.firstSlot + example), layer)
      let values = y.pointer + example * valuesPerExample
      // A 64-bit word decides two units, by 32 bits each.
      let threshold = UInt64(Double(rate) * 4_294_967_296)
      for pair in 0..<(valuesPerExample + 1) / 2 {
        let word = random.word(at: UInt64(pair))
        let index = 2 * pair
        values[index] *= word & 0xffff_ffff < threshold ? 0 : keptScale
        if index + 1 < valuesPerExample { values[index + 1] *= word >> 32 < threshold ? 0 : keptScale }
      }
    }
  }

  /// The gradient's scale; which units were dropped shows in their outputs, which are 0 like those that ReLU cut.
  package func scaleGradient(_ dy: AlignedMemory, count: Int) {
    guard rate > 0 else { return }
    let scale = keptScale
    let block = 4096
    context.run((count + block - 1) / block) { task in
      for index in task * block..<min((task + 1) * block, count) { dy.pointer[index] *= scale }
    }
  }
}
