// The protocol of object proposals: EdgeBoxes, a folder with the boxes of another tool, or a baseline.
import Images

/// A source of object proposals. The same image and id give the same boxes on every machine, rank and thread.
package protocol ProposalSource: Sendable {
  /// Returns boxes inside the image, best first. There may be none, as for an image of one colour.
  ///
  /// `id` is the file name of the photograph without extension. It names the file of boxes, or keys random boxes.
  func proposals(for image: RGBImage, id: String) throws -> [ScoredBox]
}
