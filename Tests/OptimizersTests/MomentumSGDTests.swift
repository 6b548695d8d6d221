// Tests of SGD with momentum.
import Compute
import Optimizers
import Testing

@Suite struct MomentumSGDTests {
  private let table = ParameterTable([
    ParameterSpec("a.weight", [5, 7], .weight),
    ParameterSpec("a.bias", [5], .bias, rateMultiplier: 2, decayMultiplier: 0),
    ParameterSpec("frozen", [40], .weight, rateMultiplier: 0, decayMultiplier: 0),
    ParameterSpec("b.scale", [33], .batchNormScale), ParameterSpec("b.weight", [200_003], .weight, rateMultiplier: 10),
  ])

  private func value(_ i: Int, _ salt: Int) -> Float { Float((i &* 7919 &+ salt &* 104_729) % 2003 - 1001) / 512 }

  private func start() -> ParameterVector {
    let weights = ParameterVector(table)
    for index in table.parameters.indices {
      let values = weights[index]
      for i in values.indices { values[i] = value(i, index) }
    }
    return weights
  }

  private func optimizer(_ range: Range<Int>, threads: Int) -> MomentumSGD {
    MomentumSGD(
      table: table, ranges: [range], schedule: .init(base: 0.1, step: 2, gamma: 0.5), momentum: 0.9, weightDecay: 0.01,
      shards: 6, pool: WorkerPool(threads: threads))
  }

  /// - Parameter cuts: The ends of the ranges that are updated one after the other.
  private func train(cuts: [Int], threads: Int, iterations: Int = 3) -> [Float] {
    let weights = start()
    let sgd = optimizer(0..<table.vectorCount, threads: threads)
    let gradient = AlignedMemory(floats: table.vectorCount)
    for iteration in 0..<iterations {
      sgd.begin(iteration: iteration)
      // The gaps between parameters hold garbage, since the update must ignore them.
      for i in 0..<table.vectorCount { gradient.pointer[i] = value(i, 50 + iteration) }
      var first = 0
      for end in cuts + [table.vectorCount] {
        sgd.update(first..<end, gradientSum: gradient.pointer + first, weights: weights.pointer)
        first = end
      }
    }
    return Array(weights.memory.buffer)
  }

  @Test("The update follows the rule, computed in Double scalar by scalar.")
  func followsTheRule() {
    let result = train(cuts: [], threads: 1)
    let first = start()
    for (index, parameter) in table.parameters.enumerated() {
      var worst = 0.0
      for i in 0..<parameter.count {
        var (w, v) = (Double(first[index][i]), 0.0)
        for iteration in 0..<3 {
          let rate = (iteration < 2 ? 0.1 : 0.05) * Double(parameter.rateMultiplier)
          let mean = Double(value(table.offsets[index] + i, 50 + iteration)) / 6
          v = 0.9 * v + rate * (mean + 0.01 * Double(parameter.decayMultiplier) * w)
          w -= v
        }
        worst = max(worst, abs(w - Double(result[table.offsets[index] + i])))
      }
      #expect(worst < 5e-6, "\(parameter.name)")
    }
    withExtendedLifetime(first) {}
  }

  @Test("Neither the ranges of the updates nor the threads change a bit.")
  func cutsAndThreadsDoNotChangeABit() {
    let wanted = train(cuts: [], threads: 1)
    #expect(train(cuts: [], threads: 3) == wanted)
    #expect(train(cuts: [16, 48, 1024, 65_536, 100_000 / 16 * 16], threads: 2) == wanted)
  }

  @Test("Frozen parameters and gaps between parameters stay as they are.")
  func frozenParametersAndGapsStay() {
    let result = train(cuts: [], threads: 1)
    let first = start()
    let offset = table.offset(of: "frozen")
    #expect(Array(result[offset..<offset + 40]) == (0..<40).map { first["frozen"][$0] })
    for (index, parameter) in table.parameters.enumerated() {
      let end = index + 1 < table.offsets.count ? table.offsets[index + 1] : table.vectorCount
      #expect(result[table.offsets[index] + parameter.count..<end].allSatisfy { $0 == 0 })
    }
    withExtendedLifetime(first) {}
  }

  @Test("Optimizers of slices give the bits of one optimizer of the whole vector.")
  func aSliceOfTheVectorGivesTheSameBits() {
    let wanted = train(cuts: [], threads: 1)
    let weights = start()
    let gradient = AlignedMemory(floats: table.vectorCount)
    let ends = [0, 32, 1600, table.vectorCount]
    let slices = zip(ends, ends.dropFirst()).map { $0..<$1 }
    let optimizers = slices.map { optimizer($0, threads: 1) }
    for iteration in 0..<3 {
      for i in 0..<table.vectorCount { gradient.pointer[i] = value(i, 50 + iteration) }
      for (slice, sgd) in zip(slices, optimizers) {
        sgd.begin(iteration: iteration)
        sgd.update(slice, gradientSum: gradient.pointer + slice.lowerBound, weights: weights.pointer)
      }
    }
    #expect(Array(weights.memory.buffer) == wanted)
  }

  @Test("The state is one momentum tensor of this rank's ranges.")
  func theStateIsNamed() {
    let sgd = optimizer(16..<64, threads: 1)
    #expect(MomentumSGD.stateNames == ["momentum"])
    #expect(sgd.states.map(\.name) == MomentumSGD.stateNames && sgd.states[0].ranges == [16..<64])
  }
}
