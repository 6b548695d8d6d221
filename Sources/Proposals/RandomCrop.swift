// Sub-images "enclosing the foreground areas" by random sampling (paper section 5). Where each side lies is uniform
// between the foreground's and the picture's; the authors do not say how theirs were drawn.
import Randomness

package enum RandomCrop {
  /// A box that encloses `foreground` and stays inside the picture. Takes four words of `random`.
  package static func box(enclosing foreground: Box, width: Int, height: Int, random: inout CounterRandom) -> Box {
    Box(
      x1: random.integer(below: foreground.x1 + 1), y1: random.integer(below: foreground.y1 + 1),
      x2: foreground.x2 + random.integer(below: width - foreground.x2),
      y2: foreground.y2 + random.integer(below: height - foreground.y2))
  }
}
