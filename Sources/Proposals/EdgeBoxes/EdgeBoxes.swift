// EdgeBoxes (Zitnick and Dollar, "Edge Boxes: Locating Object Proposals from Edges", ECCV 2014): a box is the likelier
// to hold an object, the more contour lies wholly inside it. Sections in comments are that paper's.
//
// Goals in order: the same boxes everywhere, the paper's method, speed.

package struct EdgeBoxes: Sendable {
  /// The published parameters under their published names, with their published values.
  package struct Parameters: Sendable, Equatable {
    /// Overlap (IoU) of neighbouring windows: larger means a finer search and more time.
    package var alpha: Float = 0.65
    /// Boxes that overlap a better one by more than this IoU are left out.
    package var beta: Float = 0.75
    /// Below 1, `beta` shrinks by this factor with each box kept, down to 0.5.
    package var eta: Float = 1
    /// Boxes that score less are no candidates.
    package var minScore: Float = 0.01
    package var maxBoxes = 10_000
    /// Weaker edges do not count.
    package var edgeMinMag: Float = 0.1
    /// A group ends where its orientation has turned by this, in half turns (0.5: 90 degrees in sum).
    package var edgeMergeThr: Float = 0.5
    /// Groups of less magnitude in all join their neighbours.
    package var clusterMinMag: Float = 0.5
    /// Of the windows: width to height, and height to width.
    package var maxAspectRatio: Float = 3
    /// Of the windows, in pixels.
    package var minBoxArea: Float = 1000
    /// Sharpens affinity.
    package var gamma: Float = 2
    /// Holds large boxes back.
    package var kappa: Float = 1.5

    package init() {}

    /// Throws `badParameter` for values that mean nothing.
    package func check() throws(ProposalError) {
      func need(_ holds: Bool, _ name: String, _ value: Any, _ range: String) throws(ProposalError) {
        if !holds { throw .badParameter(name: name, value: "\(value)", range: range) }
      }
      try need(alpha > 0 && alpha <= 0.95, "alpha", alpha, "above 0, at most 0.95")
      try need(beta > 0 && beta <= 1, "beta", beta, "above 0, at most 1")
      try need(eta > 0 && eta <= 1, "eta", eta, "above 0, at most 1")
      try need(minScore >= 0, "minScore", minScore, "at least 0")
      try need(maxBoxes >= 1, "maxBoxes", maxBoxes, "at least 1")
      try need(edgeMinMag >= 0 && edgeMinMag < 1, "edgeMinMag", edgeMinMag, "0 to below 1")
      try need(edgeMergeThr > 0, "edgeMergeThr", edgeMergeThr, "above 0")
      try need(clusterMinMag >= 0, "clusterMinMag", clusterMinMag, "at least 0")
      try need(maxAspectRatio >= 1, "maxAspectRatio", maxAspectRatio, "at least 1")
      try need(minBoxArea >= 16, "minBoxArea", minBoxArea, "at least 16")
      try need(gamma > 0, "gamma", gamma, "above 0")
      try need(kappa >= 0, "kappa", kappa, "at least 0")
    }
  }

  package var parameters: Parameters

  package init(_ parameters: Parameters = Parameters()) { self.parameters = parameters }

  /// The boxes of an edge map, best first, all inside it; at most `maxBoxes`. Equal scores stand in search order.
  package func boxes(in edges: EdgeMap) -> [ScoredBox] {
    let groups = EdgeGroups(edges, parameters)
    guard groups.count > 0 else { return [] }
    let scorer = BoxScorer(edges, groups, parameters)
    var candidates: [BoxCandidate] = []
    SlidingWindows.forEach(
      width: edges.width, height: edges.height, alpha: Double(parameters.alpha),
      minArea: Double(parameters.minBoxArea), maxAspectRatio: Double(parameters.maxAspectRatio)
    ) { x0, y0, x1, y1 in
      let score = scorer.score(x0, y0, x1, y1)
      if score > 0 { candidates.append(scorer.refined(BoxCandidate(x0, y0, x1, y1, score))) }
    }
    return BoxSuppression.keep(
      candidates, beta: parameters.beta, eta: parameters.eta, limit: parameters.maxBoxes
    ).map(\.scored)
  }
}

/// A box in search: columns x0..<x1, rows y0..<y1.
package struct BoxCandidate {
  package var x0, y0, x1, y1: Int
  package var score: Float

  package init(_ x0: Int, _ y0: Int, _ x1: Int, _ y1: Int, _ score: Float) {
    (self.x0, self.y0, self.x1, self.y1, self.score) = (x0, y0, x1, y1, score)
  }

  var scored: ScoredBox { ScoredBox(Box(x1: x0, y1: y0, x2: x1 - 1, y2: y1 - 1), score: score) }
}
