// Where boxes that may hold an object come from: EdgeBoxes, a folder of another tool's boxes, or a baseline.
import Images

/// A box and how much speaks for it; scores compare only within one image and one source.
package struct ScoredBox: Sendable, Equatable {
  package var box: Box
  package var score: Float

  package init(_ box: Box, score: Float) { (self.box, self.score) = (box, score) }
}

/// Gives an image's object proposals. The same image and id give the same boxes on every machine, rank and thread.
package protocol ProposalSource: Sendable {
  /// Boxes inside the picture, best first; none may come, as for a picture of one colour.
  ///
  /// `id` is the photograph's name without folder and ending: it finds the boxes made elsewhere, and keys random ones.
  func proposals(for image: RGBImage, id: String) throws -> [ScoredBox]
}
