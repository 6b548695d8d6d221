// Tests of the choice of images that keep their masks.
import Datasets
import Testing

@Suite struct MaskSubsetTests {
  static let names = ["background", "a", "b", "c"]

  /// 60 images with class a in every second, b in every third and c in every tenth.
  static let images = (0..<60).map { ListedImage(id: "id\($0)", line: $0 + 1) }
  static let labels = (0..<60).map { [$0 % 2 == 0, $0 % 3 == 0, $0 % 10 == 1] }

  func choose(_ perClass: Int, seed: UInt64 = 1, order: [Int]? = nil) throws -> [Int] {
    let order = order ?? Array(0..<60)
    let chosen = try MaskSubset.choose(
      order.map { Self.images[$0] }, labels: order.map { Self.labels[$0] }, classNames: Self.names,
      perClass: perClass, seed: seed)
    #expect(chosen == chosen.sorted())
    return chosen.map { order[$0] }.sorted()
  }

  @Test("Every class gets its number of images.", arguments: [1, 3, 6])
  func everyClassGetsItsShare(perClass: Int) throws {
    let chosen = try choose(perClass)
    for c in 0..<3 { #expect(chosen.count { Self.labels[$0][c] } >= perClass) }
    #expect(chosen.count <= 3 * perClass && Set(chosen).count == chosen.count)
  }

  @Test("A number of zero chooses all images.")
  func zeroChoosesAll() throws { #expect(try choose(0) == Array(0..<60)) }

  @Test("The choice depends on the seed and the ids only.")
  func theChoiceDependsOnSeedAndIdsAlone() throws {
    #expect(try choose(4) == choose(4))
    #expect(try choose(4) == choose(4, order: (0..<60).reversed()))
    #expect(try choose(4) != choose(4, seed: 2))
    // Over many seeds every image of class a is chosen at least once: no part of the list is preferred.
    let all = try (0..<200).flatMap { try choose(2, seed: $0) }
    #expect(Set(all.filter { Self.labels[$0][0] }).count == 30)
  }

  @Test("Too few masks of a class are an error.")
  func tooFewMasksAreAnError() throws {
    let expected = DatasetError.tooFewMasks(name: "c", found: 6, asked: 7)
    #expect(throws: expected) { try choose(7) }
    #expect(expected.description.contains("data.masksPerClass") && expected.description.contains("only 6"))
  }
}
