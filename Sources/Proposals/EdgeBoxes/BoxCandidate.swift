// A box during the search of EdgeBoxes: columns x0..<x1, rows y0..<y1.

package struct BoxCandidate {
  package var x0, y0, x1, y1: Int
  package var score: Float

  package init(x0: Int, y0: Int, x1: Int, y1: Int, score: Float) {
    self.x0 = x0
    self.y0 = y0
    self.x1 = x1
    self.y1 = y1
    self.score = score
  }

  var scored: ScoredBox { ScoredBox(Box(x1: x0, y1: y0, x2: x1 - 1, y2: y1 - 1), score: score) }
}
