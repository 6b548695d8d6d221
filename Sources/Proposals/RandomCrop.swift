// Random sub-images "enclosing the foreground areas" (paper section 5). Each side is uniform between that of the
// foreground and that of the image; the authors do not state their distribution.
import Randomness

package enum RandomCrop {
  /// Draws a box that encloses `foreground` and lies inside the image. Takes four numbers from `random`.
  package static func box(enclosing foreground: Box, width: Int, height: Int, random: inout CounterRandom) -> Box {
    Box(
      x1: random.integer(below: foreground.x1 + 1), y1: random.integer(below: foreground.y1 + 1),
      x2: foreground.x2 + random.integer(below: width - foreground.x2),
      y2: foreground.y2 + random.integer(below: height - foreground.y2))
  }
}
