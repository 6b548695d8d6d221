// Which way the gradient of each large dense matrix takes (`GradientExchange`), from its sizes and what the cluster's links and cores
// give. Every rank computes the whole sum over its own shards, or its slice of the sum over all: the same arithmetic where
// shards are dealt evenly, less by slices where they are not. No choice changes a bit.
import Kernels
import Compute

package struct FactorChoice: Sendable {
  /// What the slowest rank and link of a cluster give; the same figures on all ranks, or they would choose differently.
  package struct Speed: Sendable, Equatable {
    /// Payload bytes a second from each rank to the next while all send.
    package var bandwidth: Double
    /// Multiply-adds a second of gradients from factors.
    package var products: Double

    package init(bandwidth: Double, products: Double) { (self.bandwidth, self.products) = (bandwidth, products) }
  }

  package struct Layer: Sendable {
    package let parameter: Int
    package let name: String
    package fileprivate(set) var way: GradientExchange
    /// Bytes that the busiest rank sends in an iteration, new weights included, for each way in `GradientExchange.allCases`.
    package let bytes: [GradientExchange: Int]
    /// Multiply-adds of the busiest rank for the gradient.
    package let products: [GradientExchange: Int]

    /// Of the busiest rank, if nothing is hidden behind anything else.
    package func seconds(_ way: GradientExchange, _ speed: Speed) -> (sending: Double, computing: Double) {
      (Double(bytes[way]!) / speed.bandwidth, Double(products[way]!) / speed.products)
    }
  }

  package let layers: [Layer]

  package var ways: [Int: GradientExchange] { Dictionary(uniqueKeysWithValues: layers.map { ($0.parameter, $0.way) }) }

  /// - Parameters:
  ///   - rows: of one shard's factors.
  ///   - asked: nil for the quicker of `sums` and `factors`; `replicas` only when asked for, since it costs momentum.
  ///   - speed: nil where nobody has measured it: what a rank sends decides.
  package init(
    _ table: ParameterTable, tree: ShardTree, ranks: Int, rows: Int, unfoldings: [String: Im2Col], asked: GradientExchange?,
    speed: Speed?
  ) {
    let own = tree.range(of: 0, ranks: ranks).count
    let nodes = (0..<ranks).map { tree.maximalNodes(in: tree.range(of: $0, ranks: ranks)).count }.max() ?? 1
    layers = table.parameters.indices.filter { table.parameters[$0].gradient == .factored }.map { index in
      let parameter = table.parameters[index]
      let (height, width) = (parameter.shape[0], parameter.shape.dropFirst().reduce(1, *))
      let factors = rows * height + (unfoldings[parameter.name]?.mapFloats ?? rows * width)
      let (others, slice) = (ranks - 1, (parameter.count + ranks - 1) / ranks)
      let bytes: [GradientExchange: Int] = [
        .sums: 4 * (nodes * slice * others + slice * others), .factors: 4 * (own * factors * others + slice * others),
        .replicas: 4 * own * factors * others,
      ]
      let products: [GradientExchange: Int] = [
        .sums: rows * parameter.count * own, .factors: rows * slice * tree.shards,
        .replicas: rows * parameter.count * tree.shards,
      ]
      var layer = Layer(parameter: index, name: parameter.name, way: .sums, bytes: bytes, products: products)
      func cost(_ way: GradientExchange) -> Double {
        guard let speed else { return Double(bytes[way]!) }
        let (sending, computing) = layer.seconds(way, speed)
        return sending + computing
      }
      if ranks > 1 { layer.way = asked ?? (cost(.factors) < cost(.sums) ? .factors : .sums) }
      return layer
    }
  }
}
