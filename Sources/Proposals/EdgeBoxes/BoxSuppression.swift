// Greedy non-maximum suppression of boxes (section 3.4).

package enum BoxSuppression {
  /// Returns the boxes that overlap no better kept box by more than `beta`, best first (equal scores in input order),
  /// up to `limit` of them. With `eta` below 1, `beta` is multiplied by it after each kept box while it is above 0.5.
  package static func keep(_ boxes: [BoxCandidate], beta: Float, eta: Float, limit: Int) -> [BoxCandidate] {
    let order = boxes.indices.sorted {
      boxes[$0].score != boxes[$1].score ? boxes[$0].score > boxes[$1].score : $0 < $1
    }
    // An overlap above beta requires that the ratio of the areas is above beta. So kept boxes are binned by area, each
    // bin 1/beta times as large as the one before, and only three bins can hold a box that overlaps enough.
    let least = min(beta, eta < 1 ? eta / 2 : beta)
    let ratio = 1 / Double(min(max(least, 0.001), 0.95))
    var limits = [1.0]
    while limits.last! < 1e12 { limits.append(limits.last! * ratio) }
    var bins = [[BoxCandidate]](repeating: [], count: limits.count + 2)
    var kept: [BoxCandidate] = []
    var beta = beta
    for i in order {
      let box = boxes[i]
      let area = Double((box.x1 - box.x0) * (box.y1 - box.y0))
      var bin = 0
      var above = limits.count
      while bin < above {
        let middle = (bin + above) / 2
        if limits[middle] <= area { bin = middle + 1 } else { above = middle }
      }
      let near = max(0, bin - 1)...bin + 1
      if near.contains(where: { bins[$0].contains { overlap($0, box) > beta } }) { continue }
      bins[bin].append(box)
      kept.append(box)
      if kept.count == limit { break }
      if eta < 1 && beta > 0.5 { beta *= eta }
    }
    return kept
  }

  /// Returns the intersection over union.
  package static func overlap(_ a: BoxCandidate, _ b: BoxCandidate) -> Float {
    let w = min(a.x1, b.x1) - max(a.x0, b.x0)
    let h = min(a.y1, b.y1) - max(a.y0, b.y0)
    guard w > 0 && h > 0 else { return 0 }
    let common = w * h
    let all = (a.x1 - a.x0) * (a.y1 - a.y0) + (b.x1 - b.x0) * (b.y1 - b.y0) - common
    return Float(common) / Float(all)
  }
}
