// How the flat vector of gradients is cut for its way through the cluster: into buckets, which travel one by one, and each
// bucket into slices, one a rank. Both follow from the network and the number of ranks; the sums do not depend on either.
import Compute

/// How the gradient of a large dense matrix gets to the rank that updates it. All give the same bits.
package enum GradientExchange: String, Sendable, CaseIterable {
  /// Each rank computes the sums over its own shards, and they are added as other gradients are.
  case sums
  /// Ranks exchange the factors of the gradient; each computes its slice of the sum over all shards, and updates it.
  case factors
  /// As `factors`, but every rank computes and updates the whole: no weights travel, the momentum is held by every rank.
  case replicas
}

/// The buckets of a table's flat vector.
package struct BucketPlan: Sendable {
  package struct Bucket: Sendable {
    /// Where it lies in the flat vector.
    package let range: Range<Int>
    /// Parameters that have floats in it.
    package let parameters: [Int]
    /// How its gradients travel; nil for gradients that are stored.
    package let way: GradientExchange?
    /// The range whose weights each rank updates, in rank order.
    package let slices: [Range<Int>]
  }

  package let table: ParameterTable
  package let ranks: Int
  /// In the order in which their gradients are complete: the last layer's first.
  package let buckets: [Bucket]

  /// - Parameters:
  ///   - floats: of a bucket, at most, but at least 16.
  ///   - pieces: what is smaller than a few buckets, a large matrix or the stored gradients together, is cut into so many, if they
  ///     are not too small then: what is not cut cannot travel while the rest is still computed.
  ///   - ways: for parameters whose gradients are factored; those that are not named go by `sums`.
  package init(
    _ table: ParameterTable, ranks: Int, floats: Int = 8 << 20, pieces: Int = 1, ways: [Int: GradientExchange] = [:]
  ) {
    self.table = table
    self.ranks = ranks
    let networks = Self.networks(of: table)
    func longest(_ whole: Int, least: Int) -> Int {
      max((whole > Self.manyBuckets * floats ? floats : min(floats, max(whole / pieces, least))) & ~15, 16)
    }
    var buckets: [(bucket: Bucket, key: Int)] = []
    func cut(_ whole: Range<Int>, _ way: GradientExchange?, _ longest: Int) {
      // From the end, where the gradients are complete first.
      for end in stride(from: whole.upperBound, to: whole.lowerBound, by: -longest) {
        let range = max(end - longest, whole.lowerBound)..<end
        let parameters = table.parameters.indices.filter {
          (table.offsets[$0]..<table.offsets[$0] + table.parameters[$0].count).overlaps(range)
        }
        let slices = way == .replicas ? Array(repeating: range, count: ranks) : Self.slices(of: range, ranks: ranks)
        let bucket = Bucket(range: range, parameters: parameters, way: way, slices: slices)
        buckets.append((bucket, parameters.min() ?? 0))
      }
    }
    let stored = longest(networks.reduce(0) { $0 + $1.count }, least: Self.leastStored)
    for range in networks { cut(range, nil, stored) }
    for index in table.parameters.indices where table.parameters[index].gradient == .factored {
      let count = (table.parameters[index].count + 15) & ~15
      cut(
        table.offsets[index]..<table.offsets[index] + count, ways[index] ?? .sums,
        longest(count, least: Self.leastFactored))
    }
    // A bucket is complete with the gradient of its first layer; tables are in the order of the forward pass.
    self.buckets = buckets.enumerated().sorted { ($1.element.key, $0.offset) < ($0.element.key, $1.offset) }.map(
      \.element.bucket)
  }

  /// Above so many buckets, nothing is gained by more of them.
  private static let manyBuckets = 4
  /// Floats below which a message costs as much as its bytes, and below which products of factors are slow.
  private static let leastStored = 1 << 14
  private static let leastFactored = 1 << 17

  /// The stored gradients of each network (`bridging`, `segmentation`): a bucket has only one of them, since the backward
  /// pass spends long in the layers between.
  private static func networks(of table: ParameterTable) -> [Range<Int>] {
    var ranges: [(name: Substring, range: Range<Int>)] = []
    for index in table.parameters.indices where table.parameters[index].gradient == .stored {
      let name = table.parameters[index].name.prefix { $0 != "." }
      let range = table.offsets[index]..<table.offsets[index] + ((table.parameters[index].count + 15) & ~15)
      if let last = ranges.last, last.name == name {
        ranges[ranges.count - 1].range = last.range.lowerBound..<range.upperBound
      } else {
        ranges.append((name, range))
      }
    }
    return ranges.map(\.range)
  }

  /// Cuts a range into contiguous slices of whole blocks of 16 floats, as even as possible, one for each rank.
  package static func slices(of range: Range<Int>, ranks: Int) -> [Range<Int>] {
    let blocks = (range.count + 15) / 16
    func bound(_ rank: Int) -> Int { min(range.lowerBound + blocks * rank / ranks * 16, range.upperBound) }
    return (0..<ranks).map { bound($0)..<bound($0 + 1) }
  }

  /// What each rank updates, in rank order: ranges in ascending order, adjoining ones joined.
  package var owned: [[Range<Int>]] {
    (0..<ranks).map { rank in
      var ranges: [Range<Int>] = []
      for slice in buckets.map({ $0.slices[rank] }).filter({ !$0.isEmpty }).sorted(by: { $0.lowerBound < $1.lowerBound }
      ) {
        if let last = ranges.last, last.upperBound == slice.lowerBound {
          ranges[ranges.count - 1] = last.lowerBound..<slice.upperBound
        } else {
          ranges.append(slice)
        }
      }
      return ranges
    }
  }

  /// Parameters whose factors travel.
  package var exchanged: Set<Int> {
    Set(buckets.filter { $0.way == .factors || $0.way == .replicas }.flatMap(\.parameters))
  }
}
