// Tests of the sampling plan: a new permutation for each round, and direct access to any position.
import Batches
import Testing

@Suite struct SamplingPlanTests {
  @Test("Each round is a permutation.", arguments: [1, 2, 7, 100])
  func eachRoundIsAPermutation(count: Int) {
    let plan = SamplingPlan(count: count, seed: 3, phase: 1)
    var rounds: [[Int]] = []
    for round in 0..<6 {
      let items = (0..<count).map { plan.item(at: round * count + $0) }
      #expect(items.sorted() == Array(0..<count), "round \(round)")
      rounds.append(items)
    }
    if count == 100 { #expect(Set(rounds).count == 6 && rounds.allSatisfy { $0 != Array(0..<100) }) }
  }

  @Test("Any position can be computed directly.")
  func anyPlaceIsKnownWithoutWalkingThere() {
    let walker = SamplingPlan(count: 13, seed: 5, phase: 2)
    let walked = (0..<13 * 9).map { walker.item(at: $0) }
    // Positions far apart and back again need more rounds than are kept.
    let jumper = SamplingPlan(count: 13, seed: 5, phase: 2)
    for step in 0..<13 * 9 {
      let position = step * 50 % (13 * 9)
      #expect(jumper.item(at: position) == walked[position])
    }
    for position in walked.indices.reversed() {
      #expect(SamplingPlan(count: 13, seed: 5, phase: 2).item(at: position) == walked[position])
    }
  }

  @Test("The order depends on seed and phase.")
  func seedAndPhaseMakeTheWalk() {
    func walk(_ seed: UInt64, _ phase: UInt64) -> [Int] {
      let plan = SamplingPlan(count: 30, seed: seed, phase: phase)
      return (0..<60).map { plan.item(at: $0) }
    }
    #expect(walk(1, 1) == walk(1, 1))
    #expect(walk(1, 1) != walk(2, 1) && walk(1, 1) != walk(1, 2))
  }

  @Test("Over many rounds, each item is in each place about equally often.")
  func everyItemComesToEveryPlace() {
    let plan = SamplingPlan(count: 5, seed: 8, phase: 1)
    var counts = [Int](repeating: 0, count: 25)
    for position in 0..<5 * 4000 { counts[position % 5 * 5 + plan.item(at: position)] += 1 }
    #expect(counts.allSatisfy { abs($0 - 800) < 6 * 26 }, "\(counts)")
  }
}
