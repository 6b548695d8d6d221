// The recall of proposals: the share of objects found by the best n boxes. An object is found where a box overlaps its
// own box by at least the IoU threshold.

package struct ProposalRecall: Sendable, Equatable {
  /// The numbers of boxes and the IoU thresholds that are evaluated.
  package static let counts = [10, 100, 200, 1000]
  package static let overlaps = [0.5, 0.7]

  /// The numbers of objects found, by threshold and number of boxes.
  package private(set) var found = overlaps.map { _ in counts.map { _ in 0 } }
  package private(set) var objects = 0

  package init() {}

  /// Adds the objects of an image. `boxes(n)` returns at least its n best proposals, where there are as many.
  package mutating func add(_ objects: [MaskObject], boxes: (_ count: Int) throws -> [ScoredBox]) rethrows {
    self.objects += objects.count
    guard !objects.isEmpty else { return }
    for (column, count) in Self.counts.enumerated() {
      let boxes = try boxes(count).prefix(count)
      for object in objects {
        let best = boxes.reduce(0) { max($0, $1.box.overlap(object.box)) }
        for (row, overlap) in Self.overlaps.enumerated() where best >= overlap { found[row][column] += 1 }
      }
    }
  }

  package mutating func add(_ other: ProposalRecall) {
    objects += other.objects
    for row in found.indices { for column in found[row].indices { found[row][column] += other.found[row][column] } }
  }

  /// Returns the share of objects found, or nil where there are no objects.
  package func recall(overlap: Int, count: Int) -> Double? {
    objects == 0 ? nil : Double(found[overlap][count]) / Double(objects)
  }
}
