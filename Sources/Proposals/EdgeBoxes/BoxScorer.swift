// The score of a box in EdgeBoxes (section 3.2): the magnitude of the edge groups that lie wholly in it, less that of
// its middle, over its perimeter. A group lies wholly in the box unless a path of high affinity inside the box connects
// it with the box's border. A side on the image's border does not count as such, so that truncated objects count as
// complete.

/// A scorer of boxes in one edge map. It holds scratch memory, so only one thread at a time may use it. The score of a
/// box does not depend on earlier calls.
package final class BoxScorer {
  private let width: Int
  private let height: Int
  private let minScore: Float
  /// The first step of the refinement, as a share of the side.
  private let shift: Float
  /// (H + 1) x (W + 1) sums of the group magnitudes, each at the place of its group, above and to the left of a point.
  private let groupSums: UncheckedBuffer<Double>
  /// The same sums of the magnitudes of edge pixels.
  private let pixelSums: UncheckedBuffer<Double>
  /// The factor for the sum of magnitudes, indexed by half the perimeter, w + h.
  private let scales: UncheckedBuffer<Float>
  private let rows: BorderRuns
  private let columns: BorderRuns

  private let groups: Int
  private let magnitudes: UncheckedBuffer<Float>
  private let placesX: UncheckedBuffer<Int32>
  private let placesY: UncheckedBuffer<Int32>
  private let starts: UncheckedBuffer<Int32>
  private let neighbours: UncheckedBuffer<(group: Int32, affinity: Float)>

  /// The strongest path to each group, valid where `stamps` has the number of the current box.
  private let paths: UncheckedBuffer<Float>
  private let stamps: UncheckedBuffer<Int32>
  private let inQueue: UncheckedBuffer<Bool>
  private let queue: UncheckedBuffer<Int32>
  private let touched: UncheckedBuffer<Int32>
  private let stamp = UncheckedBuffer<Int32>(repeating: 0, count: 1)

  package init(_ edges: EdgeMap, _ groups: EdgeGroups, _ parameters: EdgeBoxes.Parameters) {
    width = edges.width
    height = edges.height
    self.groups = groups.count
    minScore = parameters.minScore
    shift = (1 - parameters.alpha) / (1 + parameters.alpha)
    scales = UncheckedBuffer((0...width + height).map { Self.scale(halfPerimeter: $0, kappa: parameters.kappa) })

    var atPlaces = [Float](repeating: 0, count: width * height)
    for g in 0..<groups.count {
      atPlaces[Int(groups.places[g].y) * width + Int(groups.places[g].x)] = groups.magnitudes[g]
    }
    groupSums = Self.integral(atPlaces, width, height)
    pixelSums = Self.integral(
      edges.magnitude.map { $0 > parameters.edgeMinMag ? $0 : 0 }, width, height)
    let (members, width, height) = (groups.members, self.width, self.height)
    rows = BorderRuns(lines: height, length: width) { line, i in members[line * width + i] }
    columns = BorderRuns(lines: width, length: height) { line, i in members[i * width + line] }

    magnitudes = UncheckedBuffer(groups.magnitudes)
    placesX = UncheckedBuffer(groups.places.map(\.x))
    placesY = UncheckedBuffer(groups.places.map(\.y))
    starts = UncheckedBuffer(groups.starts)
    neighbours = UncheckedBuffer(groups.neighbours)
    paths = UncheckedBuffer(repeating: 0, count: groups.count)
    stamps = UncheckedBuffer(repeating: 0, count: groups.count)
    inQueue = UncheckedBuffer(repeating: false, count: groups.count)
    queue = UncheckedBuffer(repeating: 0, count: groups.count)
    touched = UncheckedBuffer(repeating: 0, count: groups.count)
  }

  /// Returns 1 / ((w + h) / 2)^kappa. The paper divides by 2 (w + h)^kappa; the published program, to which the
  /// published `minScore` belongs, omits that constant.
  package static func scale(halfPerimeter: Int, kappa: Float) -> Float {
    1 / DeterministicMath.power(Float(max(halfPerimeter, 2)) / 2, kappa)
  }

  private static func integral(_ values: [Float], _ width: Int, _ height: Int) -> UncheckedBuffer<Double> {
    let sums = UncheckedBuffer<Double>(repeating: 0, count: (width + 1) * (height + 1))
    for y in 0..<height {
      var row = 0.0
      for x in 0..<width {
        row += Double(values[y * width + x])
        sums.base[(y + 1) * (width + 1) + x + 1] = sums.base[y * (width + 1) + x + 1] + row
      }
    }
    return sums
  }

  @inline(__always)
  private func sum(_ sums: UncheckedBuffer<Double>, x0: Int, y0: Int, x1: Int, y1: Int) -> Float {
    let (s, stride) = (sums.base, width &+ 1)
    let (upper, lower) = (y0 &* stride, y1 &* stride)
    return Float(s[lower &+ x1] - s[lower &+ x0] - s[upper &+ x1] + s[upper &+ x0])
  }

  /// Returns the score of the box of columns x0..<x1 and rows y0..<y1, inside the image, or 0 where it is below
  /// `minScore` or does not exceed `bound`.
  package func score(x0: Int, y0: Int, x1: Int, y1: Int, over bound: Float = 0) -> Float {
    let (w, h) = (x1 &- x0, y1 &- y0)
    let scale = scales.base[w &+ h]
    // The middle of the box has half its width and height.
    let (mx, my) = (x0 &+ w / 4, y0 &+ h / 4)
    var sum =
      self.sum(groupSums, x0: x0, y0: y0, x1: x1, y1: y1)
      - self.sum(pixelSums, x0: mx, y0: my, x1: mx &+ w / 2, y1: my &+ h / 2)
    // From here on the sum only decreases.
    if sum * scale < minScore || sum * scale <= bound { return 0 }

    let current = stamp.base[0] &+ 1
    stamp.base[0] = current
    let (paths, stamps, inQueue, queue, touched) = (
      self.paths.base, self.stamps.base, self.inQueue.base, self.queue.base, self.touched.base
    )
    let (placesX, placesY, magnitudes) = (placesX.base, placesY.base, magnitudes.base)
    // Groups that cross the border do not count at all, and paths begin at them.
    var count = 0
    for side in 0..<4 {
      let runs = side < 2 ? rows : columns
      let line = side == 0 ? y0 : side == 1 ? y1 &- 1 : side == 2 ? x0 : x1 &- 1
      // Nothing is cut off at the border of the image.
      if line == 0 && side & 1 == 0 || line == (side < 2 ? height : width) &- 1 && side & 1 == 1 { continue }
      let (from, to) = side < 2 ? (x0, x1 &- 1) : (y0, y1 &- 1)
      for run in Int(runs.run(line, from))...Int(runs.run(line, to)) {
        let g = Int(runs.groups.base[run])
        guard g >= 0, stamps[g] != current else { continue }
        stamps[g] = current
        paths[g] = 1
        inQueue[g] = true
        queue[count] = Int32(truncatingIfNeeded: g)
        touched[count] = Int32(truncatingIfNeeded: g)
        count &+= 1
        if Int(placesX[g]) >= x0 && Int(placesX[g]) < x1 && Int(placesY[g]) >= y0 && Int(placesY[g]) < y1 {
          sum -= magnitudes[g]
        }
      }
    }
    let border = count
    if sum * scale < minScore || sum * scale <= bound {
      for i in 0..<count { inQueue[Int(touched[i])] = false }
      return 0
    }

    // The strongest path to every group (a product of affinities), by repeated relaxation. A ring buffer with as many
    // slots as groups cannot overflow, because it holds a group at most once.
    var (head, waiting) = (0, count)
    while waiting > 0 {
      let g = Int(queue[head])
      head = head &+ 1 == groups ? 0 : head &+ 1
      waiting &-= 1
      inQueue[g] = false
      let path = paths[g]
      for k in Int(starts.base[g])..<Int(starts.base[g &+ 1]) {
        let (other, affinity) = neighbours.base[k]
        let reached = path * affinity
        if reached < EdgeGroups.leastAffinity { continue }
        let o = Int(other)
        if stamps[o] != current {
          // A path must stay inside the box: edges beyond its border are no evidence about its contents.
          if Int(placesX[o]) < x0 || Int(placesX[o]) >= x1 || Int(placesY[o]) < y0 || Int(placesY[o]) >= y1 { continue }
          stamps[o] = current
          touched[count] = other
          count &+= 1
        } else if paths[o] >= reached {
          continue
        }
        paths[o] = reached
        if inQueue[o] { continue }
        inQueue[o] = true
        var tail = head &+ waiting
        if tail >= groups { tail &-= groups }
        queue[tail] = other
        waiting &+= 1
      }
    }
    for i in border..<count { sum -= paths[Int(touched[i])] * magnitudes[Int(touched[i])] }
    let score = sum * scale
    return score < minScore || score <= bound ? 0 : score
  }

  /// Refines a box by moving its sides one after the other while the score grows, first by half a search step and then
  /// by half of that, until a step is less than two pixels (section 3.4).
  package func refined(_ start: BoxCandidate) -> BoxCandidate {
    var box = start
    var (stepX, stepY) = (Int(Float(box.x1 - box.x0) * shift), Int(Float(box.y1 - box.y0) * shift))
    while true {
      (stepX, stepY) = (stepX / 2, stepY / 2)
      if stepX < 2 && stepY < 2 { return box }
      (stepX, stepY) = (max(1, stepX), max(1, stepY))
      for (dx0, dy0, dx1, dy1) in [(0, stepY, 0, 0), (0, 0, 0, stepY), (stepX, 0, 0, 0), (0, 0, stepX, 0)] {
        for sign in [-1, 1] {
          let (x0, y0) = (max(0, box.x0 + sign * dx0), max(0, box.y0 + sign * dy0))
          let (x1, y1) = (min(width, box.x1 + sign * dx1), min(height, box.y1 + sign * dy1))
          guard x1 - x0 >= 4 && y1 - y0 >= 4 else { continue }
          let score = self.score(x0: x0, y0: y0, x1: x1, y1: y1, over: box.score)
          if score > 0 {
            box = BoxCandidate(x0: x0, y0: y0, x1: x1, y1: y1, score: score)
            break
          }
        }
      }
    }
  }
}

/// The rows or columns of an image as runs of pixels of one group or of none, so that the groups which a part of a line
/// crosses are found without looking at its pixels (section 3.3).
private struct BorderRuns {
  /// The group of each run, line after line; -1 for none.
  let groups: UncheckedBuffer<Int32>
  private let indices: UncheckedBuffer<Int32>
  private let length: Int

  init(lines: Int, length: Int, group: (_ line: Int, _ i: Int) -> Int32) {
    self.length = length
    indices = UncheckedBuffer(repeating: 0, count: lines * length)
    var runs: [Int32] = []
    for line in 0..<lines {
      for i in 0..<length {
        let g = group(line, i)
        if i == 0 || runs.last! != g { runs.append(g) }
        indices.base[line * length + i] = Int32(runs.count - 1)
      }
    }
    groups = UncheckedBuffer(runs)
  }

  /// Returns the run that contains pixel `i` of a line.
  @inline(__always)
  func run(_ line: Int, _ i: Int) -> Int32 { indices.base[line &* length &+ i] }
}
