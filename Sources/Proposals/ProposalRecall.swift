// How many objects the best n proposals find. An object counts as found where a box overlaps its own by an IoU of at
// least the threshold.
import Images

package struct ProposalRecall: Sendable, Equatable {
  /// The numbers of boxes and the overlaps that are asked for.
  package static let counts = [10, 100, 200, 1000]
  package static let overlaps = [0.5, 0.7]

  /// Objects found, by overlap and then by number of boxes.
  package private(set) var found = overlaps.map { _ in counts.map { _ in 0 } }
  package private(set) var objects = 0

  package init() {}

  /// Adds an image's objects; `boxes(n)` are its n best proposals, or fewer.
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

  /// The share of objects found; nil where there are none.
  package func recall(overlap: Int, count: Int) -> Double? {
    objects == 0 ? nil : Double(found[overlap][count]) / Double(objects)
  }
}
