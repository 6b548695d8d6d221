// Tests of gradients stored as factors: sums over shards, the exchange between ranks, and values that are not finite.
import Compute
import Kernels
import Testing

@Suite struct GradientFactorsTests {
  /// One factored matrix whose right factor is unfolded from maps, one without, and stored parameters around them.
  private static let shape = Im2ColShape(channels: 16, height: 3, width: 3, kernel: 2)
  private static let table = ParameterTable([
    ParameterSpec(
      "a.weight", [20, 16, 2, 2], .weight, layer: "a", gradient: .factored,
      factors: FactorShape(rowsPerImage: 4, unfolding: shape)),
    ParameterSpec("a.bias", [20], .bias, layer: "a"),
    ParameterSpec(
      "b.weight", [7, 33], .weight, layer: "b", gradient: .factored,
      factors: FactorShape(rowsPerImage: 4, unfolding: nil)),
    ParameterSpec("b.bias", [7], .bias, layer: "b"),
  ])
  private static let images = 2
  private static let rows = 8

  private let pool = WorkerPool(threads: 2)

  /// The factors of one shard of one matrix.
  private struct Factors {
    let left: [Float]
    let right: [Float]
    /// The maps that `right` was unfolded from; empty where nothing is unfolded.
    let maps: [Float]
  }

  /// Values of very different sizes, so that another order of additions gives other bits.
  private func values(_ count: Int, salt: Int) -> [Float] {
    (0..<count).map { index in
      let bits = UInt32(truncatingIfNeeded: (index &+ 1) &* 2_654_435_761 &+ salt &* 40_503 &* (index &+ 7))
      return Float(Int32(bitPattern: bits)) * (index % 3 == 0 ? 1e-9 : 1e-6)
    }
  }

  private func factors(_ parameter: Int, shard: Int) -> Factors {
    let spec = Self.table.parameters[parameter]
    let salt = 10 * shard + parameter
    let left = values(Self.rows * spec.shape[0], salt: 2 * salt)
    guard spec.factors?.unfolding != nil else {
      return Factors(left: left, right: values(Self.rows * spec.shape[1], salt: 2 * salt + 1), maps: [])
    }
    let im2col = Self.shape.im2col(images: Self.images)
    let maps = values(im2col.mapFloats, salt: 2 * salt + 1)
    var right = [Float](repeating: .nan, count: im2col.rows * im2col.columns)
    for task in 0..<im2col.tasks { im2col.unfold(maps, into: &right, task: task) }
    return Factors(left: left, right: right, maps: maps)
  }

  private func store(_ factors: GradientFactors, shards: Range<Int>) {
    for shard in shards {
      for parameter in [0, 2] {
        let own = self.factors(parameter, shard: shard)
        own.maps.withUnsafeBufferPointer { maps in
          factors.store(
            Self.table.parameters[parameter].name, left: own.left, right: own.right, compact: maps.baseAddress,
            shard: shard - shards.lowerBound, pool)
        }
      }
    }
  }

  /// The sums of a matrix's gradients over shards, each added to the number of finished sums in `pendingMerges`.
  private func truth(_ parameter: Int, shards: Range<Int>, pendingMerges: [Int]) -> [[Float]] {
    let spec = Self.table.parameters[parameter]
    var finished: [[Float]] = []
    for (shard, merges) in zip(shards, pendingMerges) {
      let own = factors(parameter, shard: shard)
      var sum = NaiveFactorProducts.gradient(
        left: own.left, right: own.right, rows: Self.rows, height: spec.shape[0], width: spec.count / spec.shape[0])
      for _ in 0..<merges { sum = zip(finished.removeLast(), sum).map { $0 + $1 } }
      finished.append(sum)
    }
    return finished
  }

  /// The sums over a range of the vector. Floats that nothing was written to are NaN.
  private func sums(_ factors: GradientFactors, _ range: Range<Int>, count: Int) -> [[Float]] {
    let memories = (0..<count).map { _ in AlignedMemory(floats: range.count) }
    for memory in memories { memory.buffer.update(repeating: .nan) }
    factors.sum(range, into: memories.map(\.pointer), pool)
    return memories.map { memory in withExtendedLifetime(memory) { Array(memory.buffer) } }
  }

  private func range(_ parameter: Int) -> Range<Int> {
    Self.table.offsets[parameter]..<Self.table.offsets[parameter] + Self.table.parameters[parameter].count
  }

  private func bits(_ values: some Sequence<Float>) -> [UInt32] { values.map(\.bitPattern) }

  @Test(
    "Sums follow the tree of shards, in any ranges, and leave other floats alone.",
    arguments: [[0], [0, 1], [0, 1, 0, 2], [0, 0, 1], [0, 1, 0, 2, 0]])
  func sumsFollowTheTree(pendingMerges: [Int]) {
    let factors = GradientFactors(Self.table, rows: Self.rows, pendingMerges: pendingMerges)
    #expect(factors.sums == pendingMerges.count - pendingMerges.reduce(0, +))
    store(factors, shards: 0..<pendingMerges.count)
    let whole = Self.table.storedCount..<Self.table.vectorCount
    let found = sums(factors, whole, count: factors.sums)
    var isParameter = [Bool](repeating: false, count: Self.table.vectorCount)
    for parameter in [0, 2] {
      let truth = truth(parameter, shards: 0..<pendingMerges.count, pendingMerges: pendingMerges)
      for (sum, expected) in truth.enumerated() {
        let own = range(parameter)
        let values = found[sum][own.lowerBound - whole.lowerBound..<own.upperBound - whole.lowerBound]
        #expect(bits(values) == bits(expected), "parameter \(parameter), sum \(sum)")
        for index in own { isParameter[index] = true }
      }
    }
    for index in whole where !isParameter[index] { #expect(found[0][index - whole.lowerBound].isNaN) }
    for cut in [1, 17, 1279, 1280, 1300] {
      let middle = whole.lowerBound + cut
      let (first, second) = (
        sums(factors, whole.lowerBound..<middle, count: factors.sums),
        sums(factors, middle..<whole.upperBound, count: factors.sums)
      )
      for sum in 0..<factors.sums { #expect(bits(first[sum] + second[sum]) == bits(found[sum]), "cut at \(cut)") }
    }
  }

  @Test("The factored parameters are listed in the order in which they lie in the vector.") func parameters() {
    let factors = GradientFactors(Self.table, rows: Self.rows, pendingMerges: [0])
    #expect(factors.parameters.map(\.name) == ["a.weight", "b.weight"])
    #expect(factors.parameters.map(\.range) == [range(0), range(2)])
    #expect(factors.parameters[0].range.lowerBound == Self.table.storedCount)
  }

  // MARK: Between ranks

  private func rank(_ exchanged: Set<Int>, firstShard: Int) -> GradientFactors {
    GradientFactors(
      Self.table, rows: Self.rows, pendingMerges: [0, 1],
      exchange: GradientFactors.Exchange(
        parameters: exchanged, pendingMerges: [0, 1, 0, 2], firstShard: firstShard,
        unfoldings: Self.table.factorUnfoldings(images: Self.images)))
  }

  /// Copies the exchanged factors of some shards, as messages do.
  private func send(_ parameter: Int, shards: Range<Int>, from source: GradientFactors, to target: GradientFactors) {
    for shard in shards {
      for (from, to) in zip(
        source.exchangedMemory(parameter, shard: shard), target.exchangedMemory(parameter, shard: shard))
      {
        #expect(from.count == to.count)
        to.values.update(from: from.values, count: from.count)
      }
      target.unpack(parameter, shard: shard, pool)
    }
  }

  @Test(
    "Ranks that exchange factors compute the sum over all shards, with the bits of a single rank.", arguments: [0, 2])
  func exchangedFactors(parameter: Int) {
    let other = 2 - parameter
    let (first, second) = (rank([parameter], firstShard: 0), rank([parameter], firstShard: 2))
    #expect(first.isExchanged(parameter) && !first.isExchanged(other) && !first.isExchanged(1))
    store(first, shards: 0..<2)
    store(second, shards: 2..<4)
    // Maps are smaller than the rows that they unfold to.
    let sizes = first.exchangedMemory(parameter, shard: 0).map(\.count)
    #expect(sizes == (parameter == 0 ? [8 * 20, 2 * 16 * 9] : [8 * 7, 8 * 33]))
    send(parameter, shards: 2..<4, from: second, to: first)
    send(parameter, shards: 0..<2, from: first, to: second)
    let expected = truth(parameter, shards: 0..<4, pendingMerges: [0, 1, 0, 2])[0]
    for rank in [first, second] { #expect(bits(sums(rank, range(parameter), count: 1)[0]) == bits(expected)) }
    // The other matrix is summed over each rank's own shards.
    for (rank, shards) in [(first, 0..<2), (second, 2..<4)] {
      #expect(
        bits(sums(rank, range(other), count: 1)[0]) == bits(truth(other, shards: shards, pendingMerges: [0, 1])[0]))
    }
  }

  // MARK: Values that are not finite

  @Test("The first shard with a value that is not finite is recorded until the next minibatch.") func nonFinite() {
    let factors = GradientFactors(Self.table, rows: Self.rows, pendingMerges: [0, 1, 0])
    let right = values(Self.rows * 33, salt: 1)
    func store(_ value: Float, shard: Int) {
      var left = values(Self.rows * 7, salt: 2)
      left[13] = value
      factors.store("b.weight", left: left, right: right, shard: shard, pool)
    }
    store(1, shard: 0)
    #expect(factors.nonFinite == nil)
    store(.nan, shard: 1)
    store(.infinity, shard: 2)
    #expect(factors.nonFinite?.shard == 1 && factors.nonFinite?.parameter == 2)
    factors.restart()
    #expect(factors.nonFinite == nil)
    store(-.infinity, shard: 2)
    #expect(factors.nonFinite?.shard == 2)
  }

  @Test("Finite factors whose product would be too large count as not finite.") func tooLargeProducts() {
    func isNonFinite(left: Float, right: Float) -> Bool {
      let factors = GradientFactors(Self.table, rows: Self.rows, pendingMerges: [0])
      factors.store(
        "b.weight", left: [Float](repeating: left, count: Self.rows * 7),
        right: [Float](repeating: right, count: Self.rows * 33), shard: 0, pool)
      return factors.nonFinite != nil
    }
    #expect(isNonFinite(left: 1e18, right: 1e18) && isNonFinite(left: -1e18, right: 1e18))
    #expect(!isNonFinite(left: 1e16, right: 1e16) && !isNonFinite(left: 1e38, right: 1e-10))
    #expect(isNonFinite(left: .infinity, right: 0))
  }

  // MARK: Checksums

  @Test("The checksum of factors depends on every bit and not on the place of the shard.") func checksums() {
    let factors = GradientFactors(Self.table, rows: Self.rows, pendingMerges: [0, 1, 0])
    let (left, right) = (values(Self.rows * 7, salt: 1), values(Self.rows * 33, salt: 2))
    func checksum(_ left: [Float], _ right: [Float], shard: Int) -> UInt64 {
      factors.store("b.weight", left: left, right: right, shard: shard, pool)
      return factors.checksum(2, shard: shard)
    }
    let first = checksum(left, right, shard: 0)
    #expect(checksum(left, right, shard: 1) == first && checksum(left, right, shard: 2) == first)
    for index in [0, 31, Self.rows * 7 - 1] {
      var changed = left
      changed[index] = Float(bitPattern: left[index].bitPattern ^ 1)
      #expect(checksum(changed, right, shard: 1) != first, "left \(index)")
    }
    for index in [0, 32, Self.rows * 33 - 1] {
      var changed = right
      changed[index] = Float(bitPattern: right[index].bitPattern ^ 1)
      #expect(checksum(left, changed, shard: 1) != first, "right \(index)")
    }
    #expect(checksum(left, right, shard: 0) == first)
  }

  // MARK: A whole gradient

  @Test("A whole gradient has stored gradients in front and products of factors behind them.") func wholeGradient() {
    let whole = WholeGradient(Self.table, rows: Self.rows)
    let shard = whole.shard
    #expect(shard.stored == whole.vector.pointer && shard.shard == 0 && shard.factors?.table.vectorCount != nil)
    for index in 0..<Self.table.storedCount { shard.stored[index] = Float(index + 1) }
    store(shard.factors!, shards: 0..<1)
    whole.complete(pool)
    #expect((0..<Self.table.storedCount).allSatisfy { whole.vector.pointer[$0] == Float($0 + 1) })
    for parameter in [0, 2] {
      #expect(bits(whole.vector[parameter]) == bits(truth(parameter, shards: 0..<1, pendingMerges: [0])[0]))
    }
    withExtendedLifetime(whole) {}
  }

  @Test("A table without factored parameters needs no factors.") func nothingFactored() {
    let table = ParameterTable([ParameterSpec("w", [3, 5], .weight)])
    let factors = GradientFactors(table, rows: 0, pendingMerges: [0, 1])
    #expect(factors.parameters.isEmpty && factors.sums == 1 && table.factorRows(images: 4) == 0)
    #expect(sums(factors, 0..<table.vectorCount, count: 1)[0].allSatisfy { $0.isNaN })
  }
}
