// EdgeBoxes from a photograph: edges, then boxes.
import Images

package struct EdgeBoxesSource: ProposalSource {
  package var detector: any EdgeDetector
  package var search: EdgeBoxes

  /// With our own edges, or those of another detector such as a `StructuredForest`.
  package init(detector: any EdgeDetector = GradientEdges(), parameters: EdgeBoxes.Parameters = .init()) {
    (self.detector, search) = (detector, EdgeBoxes(parameters))
  }

  package func proposals(for image: RGBImage, id: String) -> [ScoredBox] {
    search.boxes(in: detector.edges(of: image))
  }
}
