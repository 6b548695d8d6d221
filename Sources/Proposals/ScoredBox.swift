// A box with a score, which is comparable only within one image and one source.

package struct ScoredBox: Sendable, Equatable {
  package var box: Box
  package var score: Float

  package init(_ box: Box, score: Float) {
    self.box = box
    self.score = score
  }
}
