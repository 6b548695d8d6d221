// Dropout: how many units stay, their scale, and what the choice may depend on.
import Models
import Compute
import Testing

@Suite struct DropoutTests {
  static func dropped(
    _ rate: Float, examples: Int = 4, values: Int = 5001, seed: UInt64 = 1, iteration: Int = 3, firstSlot: Int = 8,
    layer: UInt64 = 6, threads: Int = 1
  ) -> [Float] {
    let memory = AlignedMemory(floats: examples * values)
    for i in 0..<memory.count { memory.pointer[i] = Float(1 + i % 3) }
    let dropout = Dropout(rate: rate, layer: layer, context: ExecutionContext(workers: WorkerPool(threads: threads)))
    dropout.apply(
      to: memory, examples: examples, valuesPerExample: values,
      key: DropoutKey(seed: seed, iteration: iteration, firstSlot: firstSlot))
    return Array(memory.buffer)
  }

  @Test(arguments: [Float(0.1), 0.3, 0.5, 0.9, 0.99])
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

  @Test func neighboursAreIndependent() {
    let kept = Self.dropped(0.5).map { $0 != 0 }
    for distance in [1, 2, 3, 16, 5001] {
      let pairs = zip(kept, kept.dropFirst(distance))
      let equal = Double(pairs.count { $0 == $1 })
      let n = Double(kept.count - distance)
      #expect(abs(equal - n / 2) < 5 * (n / 4).squareRoot(), "distance \(distance)")
    }
  }

  @Test func rateZeroChangesNothing() {
    #expect(Self.dropped(0).enumerated().allSatisfy { $0.element == Float(1 + $0.offset % 3) })
  }

  @Test func theChoiceIsTheSameForAnyThreads() {
    let one = Self.dropped(0.5)
    for threads in [2, 3] { #expect(Self.dropped(0.5, threads: threads) == one) }
  }

  @Test func theChoiceBelongsToTheSlotNotToTheShard() {
    let whole = Self.dropped(0.5, examples: 4, values: 500, firstSlot: 8)
    let half = Self.dropped(0.5, examples: 2, values: 500, firstSlot: 10)
    #expect(Array(whole[1000...]).map { $0 != 0 } == half.map { $0 != 0 })
  }

  @Test func seedIterationSlotAndLayerAllCount() {
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

  @Test(arguments: [1, 4095, 4096, 4097, 10_000])
  func gradientsAreScaledAlike(count: Int) {
    let memory = AlignedMemory(floats: count + 1)
    for i in 0...count { memory.pointer[i] = Float(i + 1) }
    Dropout(rate: 0.75, layer: 0, context: ExecutionContext(workers: WorkerPool(threads: 2))).scaleGradient(memory, count: count)
    #expect((0..<count).allSatisfy { memory.pointer[$0] == 4 * Float($0 + 1) })
    #expect(memory.pointer[count] == Float(count + 1))
  }
}
