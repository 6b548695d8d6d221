// EdgeBoxes (Zitnick and Dollar, "Edge Boxes: Locating Object Proposals from Edges", ECCV 2014): the more contours lie
// wholly inside a box, the likelier it holds an object. Sections in comments are those of that paper.
//
// Goals in order: the same boxes on every machine, the method of the paper, speed.

package struct EdgeBoxes: Sendable {
  /// The published parameters with their names and values.
  package struct Parameters: Sendable, Equatable {
    /// The overlap (IoU) of neighbouring windows. A larger one makes the search finer and slower.
    package var alpha: Float = 0.65
    /// Boxes that overlap a better one by more than this IoU are dropped.
    package var beta: Float = 0.75
    /// Below 1, `beta` shrinks by this factor with each box kept, down to 0.5.
    package var eta: Float = 1
    /// Boxes with a lower score are dropped.
    package var minScore: Float = 0.01
    package var maxBoxes = 10_000
    /// Weaker edges are ignored.
    package var edgeMinMag: Float = 0.1
    /// A group ends where its orientation has turned by this in sum, in half turns (0.5 is 90 degrees).
    package var edgeMergeThr: Float = 0.5
    /// Groups with a smaller sum of magnitudes are merged into their neighbours.
    package var clusterMinMag: Float = 0.5
    /// The largest ratio of width to height, or height to width, of the windows.
    package var maxAspectRatio: Float = 3
    /// The smallest area of the windows in pixels.
    package var minBoxArea: Float = 1000
    /// The exponent of the affinity.
    package var gamma: Float = 2
    /// The exponent of the perimeter, which penalizes large boxes.
    package var kappa: Float = 1.5

    package init() {}

    /// Throws `badParameter` for values out of range.
    package func check() throws(ProposalError) {
      func need(_ holds: Bool, _ name: String, _ value: Any, mustBe range: String) throws(ProposalError) {
        if !holds { throw .badParameter(name: name, value: "\(value)", range: range) }
      }
      try need(alpha > 0 && alpha <= 0.95, "alpha", alpha, mustBe: "above 0, at most 0.95")
      try need(beta > 0 && beta <= 1, "beta", beta, mustBe: "above 0, at most 1")
      try need(eta > 0 && eta <= 1, "eta", eta, mustBe: "above 0, at most 1")
      try need(minScore >= 0, "minScore", minScore, mustBe: "at least 0")
      try need(maxBoxes >= 1, "maxBoxes", maxBoxes, mustBe: "at least 1")
      try need(edgeMinMag >= 0 && edgeMinMag < 1, "edgeMinMag", edgeMinMag, mustBe: "0 to below 1")
      try need(edgeMergeThr > 0, "edgeMergeThr", edgeMergeThr, mustBe: "above 0")
      try need(clusterMinMag >= 0, "clusterMinMag", clusterMinMag, mustBe: "at least 0")
      try need(maxAspectRatio >= 1, "maxAspectRatio", maxAspectRatio, mustBe: "at least 1")
      try need(minBoxArea >= 16, "minBoxArea", minBoxArea, mustBe: "at least 16")
      try need(gamma > 0, "gamma", gamma, mustBe: "above 0")
      try need(kappa >= 0, "kappa", kappa, mustBe: "at least 0")
    }
  }

  package var parameters: Parameters

  package init(_ parameters: Parameters = Parameters()) { self.parameters = parameters }

  /// Returns at most `maxBoxes` boxes inside the edge map, best first. Equal scores are in search order.
  package func boxes(in edges: EdgeMap) -> [ScoredBox] {
    let groups = EdgeGroups(edges, parameters)
    guard groups.count > 0 else { return [] }
    let scorer = BoxScorer(edges, groups, parameters)
    var candidates: [BoxCandidate] = []
    SlidingWindows.forEach(
      width: edges.width, height: edges.height, alpha: Double(parameters.alpha),
      minArea: Double(parameters.minBoxArea), maxAspectRatio: Double(parameters.maxAspectRatio)
    ) { x0, y0, x1, y1 in
      let score = scorer.score(x0: x0, y0: y0, x1: x1, y1: y1)
      guard score > 0 else { return }
      candidates.append(scorer.refined(BoxCandidate(x0: x0, y0: y0, x1: x1, y1: y1, score: score)))
    }
    return BoxSuppression.keep(
      candidates, beta: parameters.beta, eta: parameters.eta, limit: parameters.maxBoxes
    ).map(\.scored)
  }
}
