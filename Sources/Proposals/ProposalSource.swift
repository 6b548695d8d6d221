// The protocol of object proposals: EdgeBoxes, a folder with the boxes of another tool, or a baseline.
import Images

/// A box with a score, which is comparable only within one image and one source.
package struct ScoredBox: Sendable, Equatable {
  package var box: Box
  package var score: Float

  package init(_ box: Box, score: Float) {
    self.box = box
    self.score = score
  }
}

/// A source of object proposals. The same image and id give the same boxes on every machine, rank and thread.
package protocol ProposalSource: Sendable {
  /// Returns boxes inside the image, best first. There may be none, as for an image of one colour.
  ///
  /// `id` is the file name of the photograph without extension. It names the file of boxes, or keys random boxes.
  func proposals(for image: RGBImage, id: String) throws -> [ScoredBox]
}
