// Tests of the whole search: against OpenCV's EdgeBoxes on shared edges, on degenerate images, and on several threads.
import Foundation
import Images
import Proposals
import Testing

@Suite struct EdgeBoxesTests {
  struct Golden: Decodable {
    var width, height: Int
    var pixels: [[Int]]
    var boxes: [[Int]]
    var scores: [Float]

    var map: EdgeMap {
      var map = DrawnEdges.empty(width, height)
      for p in pixels {
        map.magnitude[p[1] * width + p[0]] = Float(p[2]) / 255
        map.orientation[p[1] * width + p[0]] = Float(p[3]) / 1000
      }
      return map
    }
  }

  /// Groups grow in another order and windows begin elsewhere, so boxes differ by some pixels.
  @Test("The boxes agree with OpenCV's on the same edges.")
  func agreesWithOpenCV() throws {
    let golden = try DrawnEdges.decoded(Golden.self, "edgeboxes.json")
    let boxes = EdgeBoxes().boxes(in: golden.map)
    for (theirs, score) in zip(golden.boxes, golden.scores).prefix(10) {
      let box = Box(x1: theirs[0], y1: theirs[1], x2: theirs[0] + theirs[2] - 1, y2: theirs[1] + theirs[3] - 1)
      let near = boxes.prefix(25).max { $0.box.overlap(box) < $1.box.overlap(box) }!
      #expect(near.box.overlap(box) > 0.7, "their box \(theirs) of score \(score), ours \(near)")
    }
    // Both find the two drawn objects first.
    let first = Box(
      x1: golden.boxes[0][0], y1: golden.boxes[0][1], x2: golden.boxes[0][0] + golden.boxes[0][2] - 1,
      y2: golden.boxes[0][1] + golden.boxes[0][3] - 1)
    #expect(boxes[0].box.overlap(first) > 0.9)
    #expect(abs(boxes[0].score / golden.scores[0] - 1) < 0.1)
  }

  @Test(
    "Degenerate images give boxes inside the image.",
    arguments: [(1, 1), (1, 300), (5, 5), (3000, 20), (20, 3000), (31, 33), (120, 90)])
  func degenerateImagesGiveBoxesInside(width: Int, height: Int) {
    for image in [
      RGBImage(width: width, height: height), DrawnEdges.image(width: width, height: height, seed: 4),
    ] {
      for source in [EdgeBoxesSource(), RandomBoxes(count: 50), SlidingWindows(count: 50)] as [any ProposalSource] {
        let boxes = try! source.proposals(for: image, id: "a")
        let whole = Box(width: width, height: height)
        #expect(boxes.allSatisfy { whole.encloses($0.box) && $0.score.isFinite })
        #expect(zip(boxes, boxes.dropFirst()).allSatisfy { $0.score >= $1.score })
        if !(source is EdgeBoxesSource) { #expect(!boxes.isEmpty && boxes.count <= 50) }
      }
    }
    #expect(EdgeBoxesSource().proposals(for: RGBImage(width: width, height: height), id: "a").isEmpty)
  }

  @Test("The boxes satisfy the parameters.")
  func boxesAreThoseOfTheParameters() {
    let image = DrawnEdges.image(width: 180, height: 140, seed: 6)
    var parameters = EdgeBoxes.Parameters()
    let all = EdgeBoxesSource(parameters: parameters).proposals(for: image, id: "a")
    #expect(all.count > 50)
    for (i, a) in all.prefix(60).enumerated() {
      #expect(a.score >= parameters.minScore)
      for b in all.prefix(i) { #expect(a.box.overlap(b.box) <= Double(parameters.beta) + 1e-6) }
    }
    parameters.maxBoxes = 20
    #expect(EdgeBoxesSource(parameters: parameters).proposals(for: image, id: "b") == Array(all.prefix(20)))
  }

  @Test("Threads and names do not matter.")
  func threadsAndNamesDoNotMatter() async {
    let image = DrawnEdges.image(width: 150, height: 110, seed: 7)
    let once = EdgeBoxesSource().proposals(for: image, id: "a")
    await withTaskGroup(of: [ScoredBox].self) { group in
      for i in 0..<6 { group.addTask { EdgeBoxesSource().proposals(for: image, id: "\(i)") } }
      for await boxes in group { #expect(boxes == once) }
    }
  }

  @Test("Parameters out of range are refused.")
  func parametersWithoutMeaningAreRefused() {
    var parameters = EdgeBoxes.Parameters()
    #expect(throws: Never.self) { try parameters.check() }
    parameters.alpha = 1
    #expect(throws: ProposalError.badParameter(name: "alpha", value: "1.0", range: "above 0, at most 0.95")) {
      try parameters.check()
    }
    parameters = .init()
    parameters.beta = .nan
    #expect(throws: ProposalError.self) { try parameters.check() }
  }
}
