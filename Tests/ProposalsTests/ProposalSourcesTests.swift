// Tests of boxes from files, the baselines, the objects of masks, and the recall.
import Foundation
import Images
import Proposals
import Randomness
import Testing

@Suite struct FolderOfProposalsTests {
  let image = RGBImage(width: 100, height: 80)

  func boxes(_ text: String, _ convention: FolderOfProposals.Convention = .init()) throws -> [ScoredBox] {
    let folder = ScratchFolder()
    folder.write(text, "a.txt")
    return try FolderOfProposals(folder: folder.path, convention: convention).proposals(for: image, id: "a")
  }

  @Test("All coordinate conventions give the same box.")
  func conventionsMeetInOneBox() throws {
    let box = [Box(x1: 2, y1: 3, x2: 10, y2: 20)]
    #expect(try boxes("2 3 10 20").map(\.box) == box)
    #expect(try boxes("3 4 11 21\n", .init(firstPixel: 1)).map(\.box) == box)
    #expect(try boxes("2 3 11 21\r\n", .init(endsInside: false)).map(\.box) == box)
    #expect(
      try boxes("\u{FEFF}# x1 y1 x2 y2\n\n3 4 12.2 21.9\n", .init(firstPixel: 1, endsInside: false)).map(\.box) == box)
    #expect(try boxes("").isEmpty)
  }

  @Test("Boxes are ordered by score, or as in the file without scores.")
  func scoresOrderAndTheFileOtherwise() throws {
    #expect(try boxes("0 0 1 1 0.5\n0 0 2 2 0.9\n0 0 3 3 0.5").map(\.box.x2) == [2, 1, 3])
    #expect(try boxes("0 0 3 3\n0 0 1 1\n0 0 2 2").map(\.box.x2) == [3, 1, 2])
    #expect(try boxes("-5 -5 200 10 1").map(\.box) == [Box(x1: 0, y1: 0, x2: 99, y2: 10)])
  }

  @Test(
    "A fault names the line.",
    arguments: [
      ("1 2 3", "line 1", "3 fields"), ("0 0 1 1\n1 2 3 x", "line 2", "not a number"),
      ("0 0 1 1\n\n9 2 3 4", "line 3", "no pixel"), ("100 0 120 5", "line 1", "outside the image of 100 x 80"),
      ("0 0 1 1 1\n0 0 1 1", "line 2", "has no score"), ("0 0 1 nan", "line 1", "not a number"),
      ("0 0 1e300 5", "line 1", "far"),
    ]) func faultsNameTheLine(text: String, line: String, reason: String)
  {
    let error = #expect(throws: ProposalError.self) { try boxes(text) }
    #expect(error!.description.contains(line) && error!.description.contains(reason), "\(error!)")
  }

  @Test("A missing file is named.")
  func aMissingFileIsNamed() {
    let error = #expect(throws: ProposalError.self) {
      try FolderOfProposals(folder: "/nowhere").proposals(for: image, id: "2007_000032")
    }
    #expect(error!.description.contains("/nowhere/2007_000032.txt"))
  }
}

@Suite struct BaselineTests {
  let image = RGBImage(width: 500, height: 375)

  @Test("Random boxes are keyed by seed and id.")
  func randomBoxesAreKeyedBySeedAndId() {
    let boxes = RandomBoxes(count: 300, seed: 4).proposals(for: image, id: "a")
    #expect(RandomBoxes(count: 300, seed: 4).proposals(for: image, id: "a") == boxes)
    #expect(RandomBoxes(count: 20, seed: 4).proposals(for: image, id: "a").map(\.box) == boxes.prefix(20).map(\.box))
    #expect(RandomBoxes(count: 300, seed: 5).proposals(for: image, id: "a") != boxes)
    #expect(RandomBoxes(count: 300, seed: 4).proposals(for: image, id: "b") != boxes)
    // Half of the logarithmic range has about half of the boxes (fewer of the large ones fit).
    let middle = (1000.0 * 500 * 375).squareRoot()
    let small = boxes.filter { Double($0.box.width * $0.box.height) < middle }.count
    #expect((130...220).contains(small))
    #expect(CounterRandom.word(of: "a") == 0xAF63_DC4C_8601_EC8C)
  }

  @Test("Sliding windows use the number allowed.", arguments: [10, 100, 200, 1000]) func windowsUseTheirNumber(
    count: Int
  ) {
    let boxes = SlidingWindows(count: count).proposals(for: image, id: "a").map(\.box)
    #expect(boxes.count <= count && boxes.count >= count / 2)
    #expect(Set(boxes.map { [$0.x1, $0.y1, $0.x2, $0.y2] }).count == boxes.count)
    for corner in [(0, 0), (499, 374), (250, 187)] {
      #expect(boxes.contains { $0.x1 <= corner.0 && corner.0 <= $0.x2 && $0.y1 <= corner.1 && corner.1 <= $0.y2 })
    }
  }

  /// If a step is only a few pixels, rounding changes the overlap a little.
  @Test("Neighbouring windows have the requested overlap.")
  func searchStepsKeepTheOverlap() {
    var rows: [Int: [(Int, Int)]] = [:]
    SlidingWindows.forEach(width: 600, height: 400, alpha: 0.65, minArea: 3600, maxAspectRatio: 1) { x0, y0, x1, y1 in
      if y0 == 0 && x1 < 600 { rows[y1, default: []].append((x0, x1)) }
    }
    #expect(rows.count > 4)
    for row in rows.values {
      for (a, b) in zip(row, row.dropFirst()) {
        let overlap = Double(a.1 - b.0) / Double(b.1 - a.0)
        #expect(overlap >= 0.649 && overlap < 0.70)
      }
    }
  }
}

@Suite struct RecallTests {
  @Test("Objects are the regions of each class.")
  func objectsAreTheRegionsOfEachClass() {
    var random = CounterRandom(seed: 6, 6)
    for _ in 0..<60 {
      let (width, height) = (1 + random.integer(below: 14), 1 + random.integer(below: 12))
      let mask = IndexImage(
        width: width, height: height,
        indices: (0..<width * height).map { _ in [0, 0, 1, 1, 2, 255][random.integer(below: 6)] })
      // Labels spread to neighbours of the same class until nothing changes.
      var numbers = Array(0..<width * height)
      var changed = true
      while changed {
        changed = false
        for i in numbers.indices {
          for j in numbers.indices
          where mask.indices[i] == mask.indices[j] && abs(i % width - j % width) <= 1 && abs(i / width - j / width) <= 1
          {
            if numbers[j] < numbers[i] {
              numbers[i] = numbers[j]
              changed = true
            }
          }
        }
      }
      var expected: [MaskObject] = []
      for number in Set(numbers).sorted() where mask.indices[number] != 0 && mask.indices[number] != 255 {
        let pixels = numbers.indices.filter { numbers[$0] == number }
        let (xs, ys) = (pixels.map { $0 % width }, pixels.map { $0 / width })
        expected.append(
          MaskObject(
            index: mask.indices[number], box: Box(x1: xs.min()!, y1: ys.min()!, x2: xs.max()!, y2: ys.max()!),
            area: pixels.count))
      }
      #expect(MaskObject.all(in: mask) == expected)
    }
  }

  @Test("The recall counts the best boxes.")
  func recallCountsTheBestBoxes() {
    let object = MaskObject(index: 1, box: Box(x1: 0, y1: 0, x2: 9, y2: 9), area: 100)
    let far = MaskObject(index: 1, box: Box(x1: 50, y1: 50, x2: 59, y2: 59), area: 100)
    // A box at the eleventh place has an IoU of 0.6 with the first object.
    let miss = ScoredBox(Box(x1: 90, y1: 90, x2: 95, y2: 95), score: 2)
    let boxes = [ScoredBox](repeating: miss, count: 10) + [ScoredBox(Box(x1: 0, y1: 0, x2: 9, y2: 5), score: 1)]
    var recall = ProposalRecall()
    #expect(recall.recall(overlap: 0, count: 0) == nil)
    recall.add([object, far]) { _ in boxes }
    #expect(recall.objects == 2)
    #expect(recall.found == [[0, 1, 1, 1], [0, 0, 0, 0]])
    recall.add(recall)
    #expect(recall.objects == 4 && recall.recall(overlap: 0, count: 2) == 0.5)
  }
}
