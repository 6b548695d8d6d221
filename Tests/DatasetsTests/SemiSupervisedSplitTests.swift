// Tests of the drawing of semi-supervised splits.
import Datasets
import Testing

@Suite struct SemiSupervisedSplitTests {
  static let images = (0..<200).map { ListedImage(id: "id\($0)") }

  @Test("A smaller split is a subset of a larger one.")
  func smallerLieWithinLarger() {
    let splits = [10, 50, 200].map { SemiSupervisedSplit.choose(Self.images, count: $0, seed: 3) }
    #expect(
      splits.map(\.count) == [10, 50, 200] && splits.allSatisfy { $0 == $0.sorted() && Set($0).count == $0.count })
    #expect(Set(splits[0]).isSubset(of: splits[1]))
    #expect(SemiSupervisedSplit.choose(Self.images, count: 10, seed: 4) != splits[0])
  }

  @Test("The order of the list does not matter.")
  func theOrderOfTheListDoesNotMatter() {
    let turned = Array(Self.images.reversed())
    let ids = SemiSupervisedSplit.choose(Self.images, count: 30, seed: 1).map { Self.images[$0].id }
    #expect(Set(SemiSupervisedSplit.choose(turned, count: 30, seed: 1).map { turned[$0].id }) == Set(ids))
  }

  /// 400 draws of 20 from 200 images are 40 each, with a standard deviation of 6.
  @Test("Over many seeds, all images are drawn about equally often.")
  func noImageIsPreferred() {
    var counts = [Int](repeating: 0, count: 200)
    for seed in 0..<400 {
      for i in SemiSupervisedSplit.choose(Self.images, count: 20, seed: UInt64(seed)) { counts[i] += 1 }
    }
    #expect(counts.min()! > 15 && counts.max()! < 70)
  }

  @Test("The sizes of the splits are those in the literature.")
  func theCountsAreTheLiteratures() { #expect(SemiSupervisedSplit.counts == [92, 183, 366, 732, 1464]) }
}
