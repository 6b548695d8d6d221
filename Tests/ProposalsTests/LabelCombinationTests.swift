// Tests of label combinations, their binary labels, and their foreground against a search over all pixels.
import Images
import Proposals
import Randomness
import Testing

@Suite struct LabelCombinationTests {
  /// A vector of K labels that is true at the given classes.
  func labels(_ classes: Set<Int>, of count: Int = 20) -> [Bool] { (1...count).map(classes.contains) }

  @Test(
    "The combinations are all non-empty subsets.",
    arguments: [[], [1], [20], [3, 7], [1, 2, 20], [2, 4, 6, 8, 10], Array(1...8)])
  func allSubsetsButTheEmptyOne(classes: [Int]) {
    let all = LabelCombination.all(of: labels(Set(classes)))
    #expect(all.count == (1 << classes.count) - 1)
    var expected: Set<Set<Int>> = [[]]
    for label in classes { expected.formUnion(expected.map { $0.union([label]) }) }
    expected.remove([])
    let found = all.map { combination in Set((0...255).filter { combination.contains(UInt8($0)) }) }
    #expect(Set(found) == expected)
    #expect(Set(all).count == all.count)
  }

  @Test("The combinations are in counting order.")
  func theOrderIsThatOfCounting() {
    let all = LabelCombination.all(of: labels([2, 5, 9]))
    #expect(
      all.map { combination in [2, 5, 9].filter { combination.contains($0) } } == [
        [2], [5], [2, 5], [9], [2, 9], [5, 9], [2, 5, 9],
      ])
    #expect(all == LabelCombination.all(of: labels([2, 5, 9])))
  }

  @Test("Chosen classes are 1, others 0, and 255 is unchanged.")
  func chosenClassesAreOneOthersZeroIgnoredStays() {
    for combination in LabelCombination.all(of: labels([1, 15, 20])) {
      let table = combination.binaryLabels
      #expect(table.count == 256)
      for index in 0...255 {
        // Background, unchosen classes, and indices above the last class are all background.
        let expected: UInt8 = index == 255 ? 255 : combination.contains(UInt8(index)) ? 1 : 0
        #expect(table[index] == expected, "index \(index)")
        if index == 0 || (21..<255).contains(index) { #expect(table[index] == 0) }
      }
      #expect([1, 15, 20].contains { table[$0] == 1 })
    }
    #expect(LabelCombination(bits: 1 << 63).contains(64))
    #expect(!LabelCombination(bits: .max).contains(65) && !LabelCombination(bits: .max).contains(0))
    #expect(LabelCombination(bits: .max).binaryLabels[255] == 255)
  }

  @Test("The foreground equals a naive search.")
  func foregroundEqualsANaiveSearch() {
    var random = CounterRandom(seed: 4, 1)
    for trial in 0..<200 {
      let (width, height) = (1 + random.integer(below: 13), 1 + random.integer(below: 11))
      // Sparse masks leave rows, columns and whole masks empty.
      let density = [0.02, 0.1, 0.9][trial % 3]
      let indices = (0..<width * height).map { _ -> UInt8 in
        random.chance(density) ? [1, 2, 3, 255][random.integer(below: 4)] : 0
      }
      let mask = IndexImage(width: width, height: height, indices: indices)
      for combination in LabelCombination.all(of: [true, true, true]) {
        var (xs, ys) = ([Int](), [Int]())
        for y in 0..<height {
          for x in 0..<width where (1...3).contains(mask[x, y]) && combination.contains(mask[x, y]) {
            xs.append(x)
            ys.append(y)
          }
        }
        let expected = xs.isEmpty ? nil : Box(x1: xs.min()!, y1: ys.min()!, x2: xs.max()!, y2: ys.max()!)
        #expect(combination.foreground(of: mask) == expected, "trial \(trial)")
      }
    }
  }
}
