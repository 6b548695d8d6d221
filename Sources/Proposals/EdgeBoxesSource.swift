// The proposal source that finds edges in a photograph and runs EdgeBoxes on them.
import Images

package struct EdgeBoxesSource: ProposalSource {
  package var detector: any EdgeDetector
  package var search: EdgeBoxes

  /// Creates a source with the edges of any detector, by default dnet's own.
  package init(detector: any EdgeDetector = GradientEdges(), parameters: EdgeBoxes.Parameters = .init()) {
    self.detector = detector
    search = EdgeBoxes(parameters)
  }

  package func proposals(for image: RGBImage, id: String) -> [ScoredBox] {
    search.boxes(in: detector.edges(of: image))
  }
}
