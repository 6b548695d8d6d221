// The edge groups of EdgeBoxes and their affinities (section 3.1): neighbouring edge pixels of similar orientation form
// a group, and two groups that continue each other in the same direction have a high affinity.
//
// Groups are numbered 0..<count in raster order of their first pixels.

package struct EdgeGroups {
  package let width: Int
  package let height: Int
  package private(set) var count = 0
  /// The group of each pixel, H x W, or -1 for none.
  package private(set) var members: [Int32] = []
  /// The sum of the magnitudes of the members.
  package private(set) var magnitudes: [Float] = []
  /// The member nearest to the mean position. A group is inside a box where this pixel is.
  package private(set) var places: [(x: Int32, y: Int32)] = []
  /// The mean positions, weighted by magnitude.
  package private(set) var centers: [(x: Float, y: Float)] = []
  /// The mean normals, weighted by magnitude: unit vectors whose sign has no meaning.
  package private(set) var normals: [(x: Float, y: Float)] = []
  /// The neighbours of group g, and the affinities to them, are neighbours[starts[g]..<starts[g + 1]].
  package private(set) var starts: [Int32] = []
  package private(set) var neighbours: [(group: Int32, affinity: Float)] = []

  /// Lower affinities, and paths of lower affinity, are ignored (section 3.1).
  package static let leastAffinity: Float = 0.05

  package init(_ edges: EdgeMap, _ parameters: EdgeBoxes.Parameters) {
    width = edges.width
    height = edges.height
    // Labels have a border of two pixels, so that neighbours need no bounds check. 0 is an edge pixel without a group,
    // -1 any other pixel, and groups are counted from 1.
    let stride = width + 4
    var labels = [Int32](repeating: -1, count: stride * (height + 4))
    var angles = [Float](repeating: 0, count: labels.count)
    var weights = angles
    for y in 0..<height {
      for x in 0..<width where edges.magnitude[y * width + x] > parameters.edgeMinMag {
        let i = (y + 2) * stride + x + 2
        labels[i] = 0
        angles[i] = edges.orientation[y * width + x]
        weights[i] = edges.magnitude[y * width + x]
      }
    }
    angles.withUnsafeBufferPointer { angles in
      weights.withUnsafeBufferPointer { weights in
        labels.withUnsafeMutableBufferPointer { labels in
          let frame = Frame(
            stride: stride, labels: labels.baseAddress!, angles: angles.baseAddress!, weights: weights.baseAddress!,
            pixels: labels.indices.filter { labels[$0] == 0 })
          let grown = frame.grow(until: parameters.edgeMergeThr * .pi)
          frame.dissolve(of: grown, below: parameters.clusterMinMag)
          describe(frame, grown)
          relate(frame, gamma: parameters.gamma)
        }
      }
    }
  }

  /// Renumbers the remaining groups from 0 and computes their means.
  private mutating func describe(_ frame: Frame, _ grown: Int) {
    var numbers = [Int32](repeating: -1, count: grown + 1)
    members = [Int32](repeating: -1, count: width * height)
    var sums: [(m: Float, x: Float, y: Float, c: Float, s: Float)] = []
    for i in frame.pixels where frame.labels[i] > 0 {
      let label = Int(frame.labels[i])
      if numbers[label] < 0 {
        numbers[label] = Int32(sums.count)
        sums.append((0, 0, 0, 0, 0))
      }
      let (g, x, y, m) = (Int(numbers[label]), i % frame.stride - 2, i / frame.stride - 2, frame.weights[i])
      frame.labels[i] = Int32(g + 1)
      members[y * width + x] = Int32(g)
      // Orientations are axes, whose mean is that of the doubled angles.
      let unit = DeterministicMath.circle(frame.angles[i])
      sums[g].m += m
      sums[g].x += m * Float(x)
      sums[g].y += m * Float(y)
      sums[g].c += m * (unit.cosine * unit.cosine - unit.sine * unit.sine)
      sums[g].s += m * 2 * unit.sine * unit.cosine
    }
    count = sums.count
    magnitudes = sums.map(\.m)
    centers = sums.map { ($0.x / $0.m, $0.y / $0.m) }
    normals = sums.map { sum in
      let length = (sum.c * sum.c + sum.s * sum.s).squareRoot()
      guard length > 0 else { return (1, 0) }
      let cosine = max(0, (1 + sum.c / length) / 2).squareRoot()
      let sine = max(0, (1 - sum.c / length) / 2).squareRoot()
      return (cosine, sum.s < 0 ? -sine : sine)
    }
    var nearest = [Float](repeating: .infinity, count: count)
    places = [(Int32, Int32)](repeating: (0, 0), count: count)
    for i in frame.pixels where frame.labels[i] > 0 {
      let (g, x, y) = (Int(frame.labels[i]) - 1, i % frame.stride - 2, i / frame.stride - 2)
      let (dx, dy) = (Float(x) - centers[g].x, Float(y) - centers[g].y)
      let distance = dx * dx + dy * dy
      if distance < nearest[g] {
        nearest[g] = distance
        places[g] = (Int32(x), Int32(y))
      }
    }
  }

  /// Computes the affinities of groups that are within two pixels of each other.
  private mutating func relate(_ frame: Frame, gamma: Float) {
    // Pixels by group.
    var ends = [Int](repeating: 0, count: count + 1)
    for i in frame.pixels where frame.labels[i] > 0 { ends[Int(frame.labels[i])] += 1 }
    for g in 0..<count { ends[g + 1] += ends[g] }
    var pixels = [Int](repeating: 0, count: ends[count])
    var next = ends
    for i in frame.pixels where frame.labels[i] > 0 {
      let g = Int(frame.labels[i]) - 1
      pixels[next[g]] = i
      next[g] += 1
    }
    let around = (-2...2).flatMap { dy in (-2...2).map { dy * frame.stride + $0 } }.filter { $0 != 0 }
    var seenBy = [Int32](repeating: -1, count: count)
    for g in 0..<count {
      starts.append(Int32(neighbours.count))
      for i in pixels[ends[g]..<ends[g + 1]] {
        for offset in around {
          let other = Int(frame.labels[i + offset]) - 1
          guard other >= 0, other != g, seenBy[other] != g else { continue }
          seenBy[other] = Int32(g)
          let affinity = affinity(g, other, gamma: gamma)
          if affinity >= Self.leastAffinity { neighbours.append((Int32(other), affinity)) }
        }
      }
    }
    starts.append(Int32(neighbours.count))
  }

  /// Returns |cos(ti - tij) cos(tj - tij)|^gamma, where ti and tj are the directions of the groups and tij is that of
  /// the line between their centres. A direction is perpendicular to the normal, so each cosine is a cross product with
  /// the normal.
  package func affinity(_ i: Int, _ j: Int, gamma: Float) -> Float {
    let (dx, dy) = (centers[j].x - centers[i].x, centers[j].y - centers[i].y)
    let square = dx * dx + dy * dy
    guard square > 0 else { return 0 }
    let a = normals[i].x * dy - normals[i].y * dx
    let b = normals[j].x * dy - normals[j].y * dx
    return DeterministicMath.power(min(1, (a * b).magnitude / square), gamma)
  }
}

/// The edge pixels with a border of two pixels around the image. The pointers are those of arrays in `EdgeGroups.init`.
private struct Frame {
  let stride: Int
  let labels: UnsafeMutablePointer<Int32>
  let angles: UnsafePointer<Float>
  let weights: UnsafePointer<Float>
  /// The edge pixels in raster order.
  let pixels: [Int]

  private var around: [Int] { [-stride - 1, -stride, -stride + 1, -1, 1, stride - 1, stride, stride + 1] }

  /// Labels groups 1, 2, ... and returns their number. From its first pixel a group repeatedly takes the adjacent pixel
  /// whose orientation differs least from that of the member next to it, until these differences sum up to `turn`.
  func grow(until turn: Float) -> Int {
    let around = self.around
    var count = 0
    var border: [(pixel: Int, difference: Float)] = []
    for first in pixels where labels[first] == 0 {
      count += 1
      border.removeAll(keepingCapacity: true)
      var (pixel, turned) = (first, Float(0))
      while turned < turn {
        labels[pixel] = Int32(count)
        for offset in around where labels[pixel + offset] == 0 {
          border.append((pixel + offset, DeterministicMath.axisDifference(angles[pixel], angles[pixel + offset])))
        }
        border.removeAll { labels[$0.pixel] != 0 }
        guard let best = border.indices.min(by: { border[$0].difference < border[$1].difference }) else { break }
        pixel = border[best].pixel
        turned += border[best].difference
      }
    }
    return count
  }

  /// Gives the pixels of groups with a sum of at most `least` to the adjacent groups of the nearest orientation, in
  /// raster order and in repeated passes. Pixels that touch no group keep label 0.
  func dissolve(of count: Int, below least: Float) {
    var sums = [Float](repeating: 0, count: count + 1)
    for i in pixels { sums[Int(labels[i])] += weights[i] }
    var loose = pixels.filter { sums[Int(labels[$0])] <= least }
    for i in loose { labels[i] = 0 }
    let around = self.around
    var before = -1
    while loose.count != before {
      before = loose.count
      loose.removeAll { i in
        var best = Float.infinity
        for offset in around where labels[i + offset] > 0 {
          let difference = DeterministicMath.axisDifference(angles[i], angles[i + offset])
          if difference < best {
            best = difference
            labels[i] = labels[i + offset]
          }
        }
        return best < .infinity
      }
    }
  }
}
