// Tests of the box score, by integral images, runs and a queue, against sums over all groups and paths.
import Foundation
import Proposals
import Randomness
import Testing

/// Section 3.2 literally, without integral images and early exits.
struct NaiveScorer {
  let map: EdgeMap
  let groups: EdgeGroups
  let parameters: EdgeBoxes.Parameters

  func score(x0: Int, y0: Int, x1: Int, y1: Int) -> Double {
    var paths = [Double](repeating: 0, count: groups.count)
    for y in y0..<y1 {
      for x in x0..<x1
      where (y == y0 && y > 0) || (y == y1 - 1 && y1 < map.height) || (x == x0 && x > 0)
        || (x == x1 - 1 && x1 < map.width)
      {
        let g = groups.members[y * map.width + x]
        if g >= 0 { paths[Int(g)] = 1 }
      }
    }
    func isInside(_ g: Int) -> Bool {
      let (x, y) = (Int(groups.places[g].x), Int(groups.places[g].y))
      return x >= x0 && x < x1 && y >= y0 && y < y1
    }
    // The strongest products along groups inside, by repeated passes over all pairs.
    var changed = true
    while changed {
      changed = false
      for g in 0..<groups.count {
        for (other, affinity) in groups.neighbours[Int(groups.starts[g])..<Int(groups.starts[g + 1])] {
          let reached = paths[g] * Double(affinity)
          if isInside(Int(other)) && reached >= Double(EdgeGroups.leastAffinity)
            && reached > paths[Int(other)] * (1 + 1e-12)
          {
            paths[Int(other)] = reached
            changed = true
          }
        }
      }
    }
    var sum = 0.0
    for g in 0..<groups.count where isInside(g) { sum += (1 - paths[g]) * Double(groups.magnitudes[g]) }
    let (w, h) = (x1 - x0, y1 - y0)
    for y in (y0 + h / 4)..<(y0 + h / 4 + h / 2) {
      for x in (x0 + w / 4)..<(x0 + w / 4 + w / 2) {
        let m = map.magnitude[y * map.width + x]
        if m > parameters.edgeMinMag { sum -= Double(m) }
      }
    }
    return sum / pow(Double(w + h) / 2, Double(parameters.kappa))
  }
}

@Suite struct BoxScorerTests {
  @Test("The score equals the naive one.", arguments: [1, 2, 3, 4, 5]) func equalsTheNaiveScore(seed: UInt64) {
    var parameters = EdgeBoxes.Parameters()
    parameters.kappa = [1.5, 1, 2, 1.5, 0.5][Int(seed) - 1]
    let map = DrawnEdges.strokes(width: 83, height: 61, seed: seed, strokes: 25)
    let groups = EdgeGroups(map, parameters)
    let scorer = BoxScorer(map, groups, parameters)
    let naive = NaiveScorer(map: map, groups: groups, parameters: parameters)
    var random = CounterRandom(seed: seed, 5)
    var positive = 0
    for trial in 0..<400 {
      let (w, h) = (4 + random.integer(below: 80), 4 + random.integer(below: 58))
      // Every third box touches the border of the image.
      let (x, y) = (
        trial % 3 == 0 ? 0 : random.integer(below: 84 - w), trial % 6 == 3 ? 61 - h : random.integer(below: 62 - h)
      )
      let expected = naive.score(x0: x, y0: y, x1: x + w, y1: y + h)
      let score = scorer.score(x0: x, y0: y, x1: x + w, y1: y + h)
      if expected > Double(parameters.minScore) + 1e-5 {
        positive += 1
        #expect(abs(Double(score) - expected) < 2e-5, "\(x) \(y) \(w) \(h)")
        // A bound does not change the scores above it, and suppresses all others.
        #expect(scorer.score(x0: x, y0: y, x1: x + w, y1: y + h, over: score * 0.9) == score)
        #expect(scorer.score(x0: x, y0: y, x1: x + w, y1: y + h, over: score) == 0)
      } else if expected < Double(parameters.minScore) - 1e-5 {
        #expect(score == 0)
      }
    }
    #expect(positive > 20)
  }

  @Test("The refinement never lowers a score.")
  func refinementNeverLowersAScore() {
    let map = DrawnEdges.strokes(width: 120, height: 90, seed: 9, strokes: 30)
    let parameters = EdgeBoxes.Parameters()
    let scorer = BoxScorer(map, EdgeGroups(map, parameters), parameters)
    var better = 0
    for x in stride(from: 0, to: 80, by: 8) {
      for y in stride(from: 0, to: 50, by: 8) {
        let score = scorer.score(x0: x, y0: y, x1: x + 40, y1: y + 40)
        guard score > 0 else { continue }
        let refined = scorer.refined(BoxCandidate(x0: x, y0: y, x1: x + 40, y1: y + 40, score: score))
        #expect(refined.score >= score)
        #expect(refined.x0 >= 0 && refined.y0 >= 0 && refined.x1 <= 120 && refined.y1 <= 90)
        #expect(scorer.score(x0: refined.x0, y0: refined.y0, x1: refined.x1, y1: refined.y1) == refined.score)
        if refined.score > score { better += 1 }
      }
    }
    #expect(better > 5)
  }

  /// A circle with lines across the image.
  @Test("A closed contour is found first.")
  func aClosedContourIsFoundFirst() {
    var map = DrawnEdges.empty(160, 120)
    for y in 0..<120 { (map.magnitude[y * 160 + 20], map.orientation[y * 160 + 20]) = (1, 0) }
    for step in 0..<4000 {
      let angle = Double(step) * 2 * Double.pi / 4000
      let i = Int((60 + 30 * sin(angle)).rounded()) * 160 + Int((90 + 30 * cos(angle)).rounded())
      (map.magnitude[i], map.orientation[i]) = (1, Float(angle.truncatingRemainder(dividingBy: .pi)))
    }
    let best = EdgeBoxes().boxes(in: map)[0].box
    #expect(best.overlap(Box(x1: 60, y1: 30, x2: 120, y2: 90)) > 0.85)
  }
}
