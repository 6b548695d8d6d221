// The assignment of examples to the slots of minibatches (docs/reference.md section 1, "order": shuffle, walk through
// the list, reshuffle at its end). Slot s of iteration i is position i * B + s of an endless sequence, so any rank can
// compute the example of any slot directly.
import Randomness
import Synchronization

/// An endless walk over `count` items, shuffled again in each round.
package final class SamplingPlan: Sendable {
  private let count: Int
  private let seed: UInt64
  private let phase: UInt64
  /// The permutations in use: those of the current round and its neighbours.
  private let rounds = Mutex<[Int: [Int]]>([:])

  package init(count: Int, seed: UInt64, phase: UInt64) {
    precondition(count > 0, "nothing to draw from")
    self.count = count
    self.seed = seed
    self.phase = phase
  }

  /// Returns the item at a position of the sequence, from 0.
  package func item(at position: Int) -> Int {
    let (round, place) = position.quotientAndRemainder(dividingBy: count)
    return rounds.withLock { rounds in
      if let order = rounds[round] { return order[place] }
      var random = CounterRandom(seed: seed, .exampleOrder, phase, UInt64(round))
      let order = random.permutation(count)
      if rounds.count >= 3 { rounds[rounds.keys.min()!] = nil }
      rounds[round] = order
      return order[place]
    }
  }
}
