// Which example stands in which slot of which minibatch (docs/reference.md section 1, "order": shuffle, walk the list,
// reshuffle at its end). Slot s of iteration i is number i * B + s of an endless walk, so any rank can say what any slot
// holds without having walked there.
import Randomness
import Synchronization

/// An endless walk over `count` items, shuffled anew each time round.
package final class SamplingPlan: Sendable {
  private let count: Int
  private let seed: UInt64
  private let phase: UInt64
  /// The permutations in use: at most the one of the current round and its neighbour.
  private let rounds = Mutex<[Int: [Int]]>([:])

  package init(count: Int, seed: UInt64, phase: UInt64) {
    precondition(count > 0, "nothing to draw from")
    self.count = count
    self.seed = seed
    self.phase = phase
  }

  /// The item at a position of the walk, counted from 0.
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
