// The products of stored factors against the naive twin, bit for bit, for any range.
import Kernels
import Testing

@Suite struct FactorProductsTests {
  struct Shape: CustomTestStringConvertible {
    let rows, height, width: Int
    let merges: [Int]
    var testDescription: String { "\(rows) rows, \(height) x \(width), merges \(merges)" }
  }

  /// Trees of one shard, of a power of two, of six and of seven shards, and a rank whose shards form three nodes.
  static let trees = [[0], [0, 1], [0, 1, 0, 2], [0, 1, 0, 2, 0, 2], [0, 1, 0, 2, 0, 1, 1], [0, 0, 1, 0]]
  static let shapes = [
    Shape(rows: 1, height: 1, width: 1, merges: [0]), Shape(rows: 3, height: 16, width: 16, merges: trees[1]),
    Shape(rows: 7, height: 25, width: 48, merges: trees[2]), Shape(rows: 64, height: 12, width: 32, merges: trees[3]),
    Shape(rows: 5, height: 40, width: 144, merges: trees[4]), Shape(rows: 9, height: 13, width: 37, merges: trees[5]),
    Shape(rows: 2, height: 3, width: 300, merges: trees[2]),
  ]

  /// Returns values of very different sizes, for which another order of additions gives other bits.
  private func value(_ index: Int, _ salt: Int) -> Float {
    let bits = UInt32(truncatingIfNeeded: (index &+ 1) &* 2_654_435_761 &+ salt &* 40_503 &* (index &+ 7))
    return Float(Int32(bitPattern: bits)) * (index % 3 == 0 ? 1e-9 : 1e-6)
  }

  private func factors(_ shape: Shape) -> [(left: [Float], right: [Float])] {
    shape.merges.indices.map { shard in
      (
        (0..<shape.rows * shape.height).map { value($0, 2 * shard) },
        (0..<shape.rows * shape.width).map { value($0, 2 * shard + 1) }
      )
    }
  }

  private func truth(_ shape: Shape) -> [[Float]] {
    NaiveFactorProducts.sums(
      factors(shape).map {
        NaiveFactorProducts.gradient(
          left: $0.left, right: $0.right, rows: shape.rows, height: shape.height, width: shape.width)
      }, merges: shape.merges)
  }

  /// Returns the fast sums of ranges that together form the matrix, with tasks in odd order.
  private func sums(_ shape: Shape, cuts: [Int]) -> [[Float]] {
    let products = FactorProducts(rows: shape.rows, height: shape.height, width: shape.width, merges: shape.merges)
    // Values that were never stored must not show.
    var lefts = [Float](repeating: .nan, count: products.leftFloats)
    var rights = [Float](repeating: .nan, count: products.rightFloats)
    for (shard, factors) in factors(shape).enumerated() {
      inOddOrder(products.storingTasks) {
        products.store(
          left: factors.left, right: factors.right, shard: shard, lefts: &lefts, rights: &rights, task: $0)
      }
    }
    let count = shape.height * shape.width
    var results = Array(repeating: [Float](repeating: .nan, count: count), count: products.sums)
    var scratch = [Float](repeating: .nan, count: products.scratchFloats)
    for (first, end) in zip([0] + cuts, cuts + [count]) {
      let range = first..<end
      #expect(products.packedFloats(range) <= products.packedFloats(longestRange: range.count))
      var packed = [Float](repeating: .nan, count: products.packedFloats(range))
      inOddOrder(products.packingTasks) { products.pack(lefts, range: range, into: &packed, task: $0) }
      // One float on either side reveals writes outside of the range.
      let memory = (0..<products.sums).map { _ in
        let memory = UnsafeMutablePointer<Float>.allocate(capacity: range.count + 2)
        memory.initialize(repeating: -7, count: range.count + 2)
        return memory
      }
      inOddOrder(products.tasks) {
        products.apply(
          packed: packed, rights: rights, range: range, into: memory.map { $0 + 1 }, task: $0, scratch: &scratch)
      }
      for sum in 0..<products.sums {
        #expect(memory[sum][0] == -7 && memory[sum][range.count + 1] == -7)
        for i in range { results[sum][i] = memory[sum][i - first + 1] }
        memory[sum].deallocate()
      }
    }
    return results
  }

  @Test("Sums equal the naive twin bit for bit.", arguments: shapes)
  func equalTheNaiveTwinBitForBit(shape: Shape) {
    #expect(sums(shape, cuts: []).map { $0.map(\.bitPattern) } == truth(shape).map { $0.map(\.bitPattern) })
  }

  @Test("Ranges within a row, at its end, over many rows and empty ones give the same bits.", arguments: shapes)
  func cutsDoNotChangeABit(shape: Shape) {
    let wanted = truth(shape).map { $0.map(\.bitPattern) }
    let count = shape.height * shape.width
    let places = [
      1, 16, 16, 17, 32, 48, shape.width, shape.width + 16, 3 * shape.width - 1, count / 2, count / 2 + 5, count - 1,
    ]
    #expect(sums(shape, cuts: places.filter { $0 <= count }.sorted()).map { $0.map(\.bitPattern) } == wanted)
    #expect(sums(shape, cuts: Array(stride(from: 16, to: count, by: 176))).map { $0.map(\.bitPattern) } == wanted)
  }

  @Test("The test values reveal another order of shards or of rows.") func orderMattersInTheseTests() {
    let shape = Self.shapes[4]
    let gradients = factors(shape).map {
      NaiveFactorProducts.gradient(
        left: $0.left, right: $0.right, rows: shape.rows, height: shape.height, width: shape.width)
    }
    let one = gradients.dropFirst().reduce(gradients[0]) { zip($0, $1).map { $0 + $1 } }
    #expect(zip(one, truth(shape)[0]).count { $0 != $1 } > 100)
    let shard = factors(shape)[0]
    var backwards: Float = 0
    let differing = (0..<shape.width).count { b in
      backwards = 0
      for row in (0..<shape.rows).reversed() {
        backwards.addProduct(shard.left[row * shape.height], shard.right[row * shape.width + b])
      }
      return backwards != gradients[0][b]
    }
    #expect(differing > 5)
  }
}
