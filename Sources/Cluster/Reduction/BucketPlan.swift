// The division of the flat gradient vector into buckets, which are reduced one by one, and of each bucket into slices,
// one for each rank. Both follow from the network and the number of ranks; the sums depend on neither.
import Compute

/// The buckets of a table's flat vector.
package struct BucketPlan: Sendable {
  package struct Bucket: Sendable {
    /// The bucket's place in the flat vector.
    package let range: Range<Int>
    /// Parameters that have floats in the bucket.
    package let parameters: [Int]
    /// The exchange of a factored gradient; nil for gradients that are stored.
    package let exchange: GradientExchange?
    /// The range whose weights each rank updates, in rank order.
    package let slices: [Range<Int>]
  }

  package let table: ParameterTable
  package let ranks: Int
  /// In the order in which their gradients are complete: the last layer's first.
  package let buckets: [Bucket]

  /// - Parameters:
  ///   - floats: The most floats in a bucket, at least 16.
  ///   - pieces: The number of buckets that a large matrix, or all stored gradients together, is cut into where it
  ///     fills no more than a few buckets of `floats`: a bucket cannot travel before the last of its gradients is
  ///     computed. Very small pieces are not made.
  ///   - exchanges: The exchange of factored gradients by parameter; `sums` for those that are not named.
  package init(
    _ table: ParameterTable, ranks: Int, floats: Int = 8 << 20, pieces: Int = 1,
    exchanges: [Int: GradientExchange] = [:]
  ) {
    self.table = table
    self.ranks = ranks
    let sections = Self.storedSections(of: table)
    func longest(_ whole: Int, least: Int) -> Int {
      max((whole > Self.manyBuckets * floats ? floats : min(floats, max(whole / pieces, least))) & ~15, 16)
    }
    var buckets: [(bucket: Bucket, key: Int)] = []
    func cut(_ whole: Range<Int>, _ exchange: GradientExchange?, _ longest: Int) {
      // From the end, where the gradients are complete first.
      for end in stride(from: whole.upperBound, to: whole.lowerBound, by: -longest) {
        let range = max(end - longest, whole.lowerBound)..<end
        let parameters = table.parameters.indices.filter {
          (table.offsets[$0]..<table.offsets[$0] + table.parameters[$0].count).overlaps(range)
        }
        let slices =
          exchange == .replicas ? Array(repeating: range, count: ranks) : Self.slices(of: range, ranks: ranks)
        let bucket = Bucket(range: range, parameters: parameters, exchange: exchange, slices: slices)
        buckets.append((bucket, parameters.min() ?? 0))
      }
    }
    let stored = longest(sections.reduce(0) { $0 + $1.count }, least: Self.leastStored)
    for range in sections { cut(range, nil, stored) }
    for index in table.parameters.indices where table.parameters[index].gradient == .factored {
      let count = (table.parameters[index].count + 15) & ~15
      cut(
        table.offsets[index]..<table.offsets[index] + count, exchanges[index] ?? .sums,
        longest(count, least: Self.leastFactored))
    }
    // A bucket is complete with the gradient of its first layer; tables are in the order of the forward pass.
    self.buckets = buckets.enumerated().sorted { ($1.element.key, $0.offset) < ($0.element.key, $1.offset) }.map(
      \.element.bucket)
  }

  /// More buckets than this bring no further gain.
  private static let manyBuckets = 4
  /// Floats below which the fixed cost of a message exceeds that of its bytes, and below which products of factors are
  /// slow.
  private static let leastStored = 1 << 14
  private static let leastFactored = 1 << 17

  /// Returns the stored gradients of each section of the network. A bucket holds gradients of one section only, since
  /// the backward pass spends a long time in the layers between two sections.
  private static func storedSections(of table: ParameterTable) -> [Range<Int>] {
    var ranges: [(section: String, range: Range<Int>)] = []
    for index in table.parameters.indices where table.parameters[index].gradient == .stored {
      let section = table.parameters[index].section
      let range = table.offsets[index]..<table.offsets[index] + ((table.parameters[index].count + 15) & ~15)
      if let last = ranges.last, last.section == section {
        ranges[ranges.count - 1].range = last.range.lowerBound..<range.upperBound
      } else {
        ranges.append((section, range))
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

  /// The ranges that each rank updates, in rank order: ascending, adjoining ones joined.
  package var owned: [[Range<Int>]] {
    (0..<ranks).map { rank in
      var ranges: [Range<Int>] = []
      let slices = buckets.map { $0.slices[rank] }.filter { !$0.isEmpty }
      for slice in slices.sorted(by: { $0.lowerBound < $1.lowerBound }) {
        if let last = ranges.last, last.upperBound == slice.lowerBound {
          ranges[ranges.count - 1] = last.lowerBound..<slice.upperBound
        } else {
          ranges.append(slice)
        }
      }
      return ranges
    }
  }

  /// Parameters whose factors the ranks exchange.
  package var exchanged: Set<Int> {
    Set(buckets.filter { $0.exchange?.exchangesFactors ?? false }.flatMap(\.parameters))
  }
}
