// The choice of the exchange for each large dense matrix, from its size and the cluster's speed. Every rank computes
// either the whole sum over its own shards or its slice of the sum over all: equal arithmetic where the shards divide
// evenly, less for slices where they do not. No choice changes a bit.
import Compute
import Kernels

/// The exchange of every factored gradient of a table.
package struct GradientExchangeChoice: Sendable {
  package struct Matrix: Sendable {
    package let parameter: Int
    package let name: String
    package fileprivate(set) var exchange: GradientExchange
    /// Bytes that the busiest rank sends in an iteration, new weights included, for each exchange.
    package let bytes: [GradientExchange: Int]
    /// Multiply-adds of the busiest rank for the gradient, for each exchange.
    package let multiplyAdds: [GradientExchange: Int]

    /// Returns the busiest rank's seconds, if nothing is hidden behind anything else.
    package func seconds(_ exchange: GradientExchange, _ speed: ClusterSpeed) -> (sending: Double, computing: Double) {
      (Double(bytes[exchange]!) / speed.bandwidth, Double(multiplyAdds[exchange]!) / speed.multiplyAddRate)
    }
  }

  package let matrices: [Matrix]

  /// The exchange by parameter.
  package var exchanges: [Int: GradientExchange] {
    Dictionary(uniqueKeysWithValues: matrices.map { ($0.parameter, $0.exchange) })
  }

  /// - Parameters:
  ///   - rows: The rows of one shard's factors.
  ///   - asked: The configured exchange; nil for the quicker of `sums` and `factors`. `replicas` is never chosen by
  ///     itself, since it costs memory for optimizer state.
  ///   - speed: nil where it is not measured; then the exchange that sends fewer bytes is chosen.
  package init(
    _ table: ParameterTable, tree: ShardTree, ranks: Int, rows: Int, unfoldings: [String: Im2Col],
    asked: GradientExchange?, speed: ClusterSpeed?
  ) {
    let own = tree.range(of: 0, ranks: ranks).count
    let nodes = (0..<ranks).map { tree.maximalNodes(in: tree.range(of: $0, ranks: ranks)).count }.max() ?? 1
    matrices = table.parameters.indices.filter { table.parameters[$0].gradient == .factored }.map { index in
      let parameter = table.parameters[index]
      let (height, width) = (parameter.shape[0], parameter.shape.dropFirst().reduce(1, *))
      let factors = rows * height + (unfoldings[parameter.name]?.mapFloats ?? rows * width)
      let (others, slice) = (ranks - 1, (parameter.count + ranks - 1) / ranks)
      let bytes: [GradientExchange: Int] = [
        .sums: 4 * (nodes * slice * others + slice * others), .factors: 4 * (own * factors * others + slice * others),
        .replicas: 4 * own * factors * others,
      ]
      let multiplyAdds: [GradientExchange: Int] = [
        .sums: rows * parameter.count * own, .factors: rows * slice * tree.shards,
        .replicas: rows * parameter.count * tree.shards,
      ]
      var matrix = Matrix(
        parameter: index, name: parameter.name, exchange: .sums, bytes: bytes, multiplyAdds: multiplyAdds)
      func cost(_ exchange: GradientExchange) -> Double {
        guard let speed else { return Double(bytes[exchange]!) }
        let (sending, computing) = matrix.seconds(exchange, speed)
        return sending + computing
      }
      if ranks > 1 { matrix.exchange = asked ?? (cost(.factors) < cost(.sums) ? .factors : .sums) }
      return matrix
    }
  }
}
