// Tests of the crops of label combinations, of the number of examples, and of class boxes.
import Datasets
import Images
import Proposals
import Randomness
import Testing

@Suite struct CombinatorialCroppingTests {
  let combination = LabelCombination(bits: 0b101)
  let foreground = Box(x1: 40, y1: 30, x2: 79, y2: 59)

  func boxes(_ cropping: CombinatorialCropping, id: String = "a", _ proposals: [Box] = []) -> [Box] {
    cropping.boxes(
      of: combination, foreground: foreground, id: id, width: 120, height: 90,
      proposals: proposals.enumerated().map { ScoredBox($1, score: 1 - Float($0) / 1000) })
  }

  @Test("Without proposals all crops are random boxes inside the image.", arguments: [1, 2, 7, 200])
  func withoutProposalsAllAreRandomBoxesInsideTheImage(count: Int) {
    let all = boxes(CombinatorialCropping(perCombination: count, seed: 1))
    #expect(all.count == count)
    #expect(all.allSatisfy { $0.encloses(foreground) && Box(width: 120, height: 90).encloses($0) })
  }

  /// By hand: 40 x 30 enlarged by 1.2 is 4 and 3 pixels more on each side.
  @Test("A proposal is extended to the foreground and enlarged.")
  func aProposalIsGrownToTheForegroundAndExtended() {
    let cropping = CombinatorialCropping(perCombination: 10, seed: 1)
    #expect(boxes(cropping, [foreground])[0] == Box(x1: 36, y1: 27, x2: 83, y2: 62))
    // The box covers the left three quarters of the foreground and reaches the corner of the image: 80 x 60, 8 and 6
    // more.
    #expect(boxes(cropping, [Box(x1: 0, y1: 0, x2: 69, y2: 59)])[0] == Box(x1: -8, y1: -6, x2: 87, y2: 65))
  }

  /// Half of the box is enough, one column less is not.
  @Test("A proposal must cover at least half of the foreground's box.")
  func aProposalCoversAtLeastHalfOfTheForeground() {
    let cropping = CombinatorialCropping(perCombination: 10, seed: 1)
    let alone = boxes(cropping)
    #expect(boxes(cropping, [Box(x1: 0, y1: 0, x2: 58, y2: 80), Box(x1: 90, y1: 70, x2: 99, y2: 79)]) == alone)
    #expect(boxes(cropping, [Box(x1: 0, y1: 0, x2: 59, y2: 80)])[0] == Box(x1: -8, y1: -8, x2: 87, y2: 88))
  }

  @Test("Proposals give at most half of the crops, the best first and none twice.")
  func proposalsGiveAtMostHalfTheBestFirstAndNoneTwice() {
    let cropping = CombinatorialCropping(perCombination: 21, seed: 1)
    let proposals = (0..<40).flatMap { [Box(x1: $0, y1: 30, x2: 80, y2: 60), Box(x1: $0, y1: 30, x2: 80, y2: 60)] }
    let all = boxes(cropping, proposals)
    #expect(all.count == 21)
    #expect(Set(all[..<10]).count == 10)
    let margin = { (x: Int) in Int((Double(81 - x) * 0.1).rounded()) }
    // 31 rows get 3 more above and below.
    #expect(all[..<10].elementsEqual((0..<10).map { Box(x1: $0 - margin($0), y1: 27, x2: 80 + margin($0), y2: 63) }))
    #expect(all[10...].allSatisfy { Box(width: 120, height: 90).encloses($0) })
    #expect(all.allSatisfy { $0.encloses(foreground) })
  }

  @Test("The boxes depend on seed, image and combination.")
  func theBoxesBelongToSeedImageAndCombination() {
    let first = boxes(CombinatorialCropping(seed: 1))
    #expect(first.count == 200)
    #expect(first == boxes(CombinatorialCropping(seed: 1)))
    #expect(first != boxes(CombinatorialCropping(seed: 2)))
    #expect(first != boxes(CombinatorialCropping(seed: 1), id: "b"))
    let other = CombinatorialCropping(seed: 1).boxes(
      of: LabelCombination(bits: 1), foreground: foreground, id: "a", width: 120, height: 90, proposals: [])
    #expect(first != other)
  }

  @Test("The number of examples is that of the paper.")
  func theCountIsThePapers() {
    func labels(_ count: Int) -> LabelVector { (0..<20).map { $0 < count } }
    let count = TrainingExampleCount([labels(1), labels(2), labels(0), labels(6)], perCombination: 200)
    #expect(count.images == 3 && count.withoutLabels == 1 && count.combinations == 1 + 3 + 63)
    #expect(count.total == 3 + 200 * 67)
    #expect(count.text.contains("3 + 200 x 67 = 13403") && count.text.contains("1 images without a label"))
  }

  @Test("The class boxes equal a search for each combination.")
  func classBoxesEqualTheSearchForEachCombination() {
    var random = CounterRandom(seed: 4, 2)
    for trial in 0..<150 {
      let (width, height) = (1 + random.integer(below: 13), 1 + random.integer(below: 11))
      let density = [0.02, 0.1, 0.9][trial % 3]
      let indices = (0..<width * height).map { _ -> UInt8 in
        random.chance(density) ? [1, 2, 3, 255][random.integer(below: 4)] : 0
      }
      let mask = IndexImage(width: width, height: height, indices: indices)
      let boxes = ClassBoxes(mask, classes: 3)
      #expect(boxes.labels == (1...3).map { indices.contains($0) })
      for combination in LabelCombination.all(of: [true, true, true]) {
        #expect(boxes.foreground(of: combination) == combination.foreground(of: mask), "trial \(trial)")
      }
    }
  }

  @Test("Hulls and intersections of boxes are right.")
  func hullsAndIntersections() {
    let a = Box(x1: 0, y1: 2, x2: 4, y2: 5)
    #expect(a.area == 20)
    #expect(a.hull(Box(x1: 3, y1: -1, x2: 9, y2: 3)) == Box(x1: 0, y1: -1, x2: 9, y2: 5))
    #expect(a.intersection(Box(x1: 4, y1: 5, x2: 9, y2: 9)) == Box(x1: 4, y1: 5, x2: 4, y2: 5))
    #expect(
      a.intersection(Box(x1: 5, y1: 2, x2: 9, y2: 5)) == nil && a.intersection(Box(x1: 0, y1: 6, x2: 4, y2: 9)) == nil)
  }
}
