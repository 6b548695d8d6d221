// Dropout: the share of units that stay, their scale, and what the choice may depend on.
import Compute
import Layers
import TestSupport
import Testing

@Suite struct DropoutTests {
  private static func stack(
    _ rows: PlainValues, rate: Float, examples: Int, stream: UInt64, threads: Int
  ) -> LayerStack {
    var list = LayerList(
      section: "n", input: ActivationShape(.rows, channels: rows.values.count / examples, size: 1))
    list.dropout("drop", stream: stream)
    let nothing = ParameterVector(ParameterTable([]))
    return LayerStack(
      list, images: examples, purpose: .training, inputs: [.rows(rows)], parameters: nothing, statistics: nothing,
      dropoutRate: rate, context: ExecutionContext(workers: WorkerPool(threads: threads)))
  }

  static func dropped(
    _ rate: Float, examples: Int = 4, values: Int = 5001, seed: UInt64 = 1, iteration: Int = 3, firstSlot: Int = 8,
    layer: UInt64 = 6, threads: Int = 1
  ) -> [Float] {
    let rows = PlainValues(floats: examples * values, trained: true)
    for i in 0..<rows.values.count { rows.values.pointer[i] = Float(1 + i % 3) }
    stack(rows, rate: rate, examples: examples, stream: layer, threads: threads).forward(
      ForwardPass(
        planes: rows.values.pointer, dropoutKey: DropoutKey(seed: seed, iteration: iteration, firstSlot: firstSlot)))
    return rows.values.array
  }

  @Test("The layer keeps its share of the units and scales them.", arguments: [Float(0.1), 0.3, 0.5, 0.9, 0.99])
  func keepsItsShareAndScalesIt(rate: Float) {
    let values = Self.dropped(rate)
    let kept = values.enumerated().filter { $0.element != 0 }
    let (n, p) = (Double(values.count), Double(1 - rate))
    #expect(abs(Double(kept.count) - n * p) < 5 * (n * p * (1 - p)).squareRoot(), "\(kept.count) of \(values.count)")
    #expect(kept.allSatisfy { abs($0.element * (1 - rate) / Float(1 + $0.offset % 3) - 1) < 1e-6 })
    // Even and odd places take different halves of a word.
    for parity in 0..<2 {
      let share = Double(kept.count { $0.offset % 2 == parity })
      #expect(abs(share - n * p / 2) < 5 * (n * p * (1 - p) / 2).squareRoot() + 1)
    }
  }

  @Test("Neighbours are independent.") func neighboursAreIndependent() {
    let kept = Self.dropped(0.5).map { $0 != 0 }
    for distance in [1, 2, 3, 16, 5001] {
      let pairs = zip(kept, kept.dropFirst(distance))
      let equal = Double(pairs.count { $0 == $1 })
      let n = Double(kept.count - distance)
      #expect(abs(equal - n / 2) < 5 * (n / 4).squareRoot(), "distance \(distance)")
    }
  }

  @Test("A rate of zero, or a pass without a key, changes nothing.") func nothingIsDropped() {
    #expect(Self.dropped(0).enumerated().allSatisfy { $0.element == Float(1 + $0.offset % 3) })
    let rows = PlainValues(floats: 100, trained: true)
    rows.values.buffer.update(repeating: 2)
    Self.stack(rows, rate: 0.5, examples: 4, stream: 1, threads: 1).forward(ForwardPass(planes: rows.values.pointer))
    #expect(rows.values.array.allSatisfy { $0 == 2 })
  }

  @Test("The choice is the same for any number of threads.") func theChoiceIsTheSameForAnyThreads() {
    let one = Self.dropped(0.5)
    for threads in [2, 3] { #expect(identical(Self.dropped(0.5, threads: threads), one)) }
  }

  @Test("The choice belongs to the slot in the minibatch, not to the shard.") func theChoiceBelongsToTheSlot() {
    let whole = Self.dropped(0.5, examples: 4, values: 500, firstSlot: 8)
    let half = Self.dropped(0.5, examples: 2, values: 500, firstSlot: 10)
    #expect(Array(whole[1000...]).map { $0 != 0 } == half.map { $0 != 0 })
  }

  @Test("Seed, iteration, slot and layer all change the choice.") func seedIterationSlotAndLayerAllCount() {
    let all = [
      Self.dropped(0.5), Self.dropped(0.5, seed: 2), Self.dropped(0.5, iteration: 4), Self.dropped(0.5, firstSlot: 12),
      Self.dropped(0.5, layer: 7),
    ].map { $0.map { $0 != 0 } }
    for i in all.indices {
      for j in 0..<i {
        let equal = Double(zip(all[i], all[j]).count { $0 == $1 }) / Double(all[i].count)
        #expect(abs(equal - 0.5) < 0.03, "\(i) and \(j)")
      }
    }
  }

  @Test("The backward pass scales all gradients and nothing behind them.", arguments: [1, 4095, 4096, 4097, 10_000])
  func gradientsAreScaledAlike(count: Int) {
    let rows = PlainValues(floats: count, trained: true)
    let gradient = rows.requiredGradient
    // Memory is a whole number of pages, so most counts leave room behind the last value.
    let hasRoom = count % 1024 != 0
    for i in 0..<count + (hasRoom ? 1 : 0) { gradient.pointer[i] = Float(i + 1) }
    let stack = Self.stack(rows, rate: 0.75, examples: 1, stream: 0, threads: 2)
    let whole = WholeGradient(ParameterTable([]), rows: 0)
    stack.backward(planes: rows.values.pointer, into: whole.shard)
    #expect((0..<count).allSatisfy { gradient.pointer[$0] == 4 * Float($0 + 1) })
    if hasRoom { #expect(gradient.pointer[count] == Float(count + 1)) }
  }

  @Test("Behind a ReLU the gradients equal differences under a fixed choice.") func gradientsEqualDifferences() {
    var list = LayerList(section: "n", input: ActivationShape(.rows, channels: 32, size: 2))
    list.fullyConvolutional("fc", 64, kernel: 1, gradient: .factored)
    list.dropout("drop", stream: 6)
    let key = DropoutKey(seed: 1, iteration: 5, firstSlot: 2)
    let network = SampleNetwork(list, images: 3, biases: 6, dropout: (0.5, key))
    #expect(network.gradientFailures() == [])
  }
}
