// Tests of the suppression by bins of area against a comparison with every kept box.
import Proposals
import Randomness
import Testing

@Suite struct BoxSuppressionTests {
  @Test(
    "The suppression equals the naive one.",
    arguments: [
      (0.75, 1, 1000), (0.5, 1, 20), (0.9, 0.99, 1000), (0.3, 1, 1000), (0.75, 0.9, 7), (1, 1, 50), (0.05, 1, 50),
    ])
  func equalsTheNaiveSuppression(beta: Double, eta: Double, limit: Int) {
    var random = CounterRandom(seed: 3, UInt64(limit))
    let boxes = (0..<600).map { _ in
      let (x, y) = (random.integer(below: 60), random.integer(below: 40))
      // There are few distinct scores, so that ties occur.
      return BoxCandidate(
        x0: x, y0: y, x1: x + 1 + random.integer(below: 90), y1: y + 1 + random.integer(below: 70),
        score: Float(random.integer(below: 40)))
    }
    var kept: [BoxCandidate] = []
    var threshold = Float(beta)
    for box in boxes.enumerated().sorted(by: { ($1.element.score, $0.offset) < ($0.element.score, $1.offset) }).map(
      \.element)
    {
      if kept.count == limit { break }
      if kept.contains(where: { BoxSuppression.overlap($0, box) > threshold }) { continue }
      kept.append(box)
      if eta < 1 && threshold > 0.5 { threshold *= Float(eta) }
    }
    let found = BoxSuppression.keep(boxes, beta: Float(beta), eta: Float(eta), limit: limit)
    #expect(found.map { [$0.x0, $0.y0, $0.x1, $0.y1] } == kept.map { [$0.x0, $0.y0, $0.x1, $0.y1] })
    #expect(found.count > 3)
  }

  @Test("The overlap of boxes is their IoU.")
  func overlapOfBoxes() {
    let a = BoxCandidate(x0: 0, y0: 0, x1: 10, y1: 10, score: 1)
    #expect(BoxSuppression.overlap(a, a) == 1)
    #expect(BoxSuppression.overlap(a, BoxCandidate(x0: 10, y0: 0, x1: 20, y1: 10, score: 1)) == 0)
    #expect(abs(BoxSuppression.overlap(a, BoxCandidate(x0: 5, y0: 0, x1: 15, y1: 10, score: 1)) - 1.0 / 3) < 1e-6)
    #expect(Box(x1: 0, y1: 0, x2: 9, y2: 9).overlap(Box(x1: 5, y1: 0, x2: 14, y2: 9)) == 1.0 / 3)
  }
}
