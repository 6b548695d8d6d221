// Which way the gradient of each large dense matrix takes (`FactorWay`), from its sizes: what a rank sends decides, since the
// arithmetic is the same. Every rank computes the whole sum over its own shards, or its slice of the sum over all.
import Kernels
import Tensors

package struct FactorChoice: Sendable {
  package struct Layer: Sendable {
    package let parameter: Int
    package let name: String
    package let way: FactorWay
    /// Bytes that the busiest rank sends in an iteration, new weights included, for each way in `FactorWay.allCases`.
    package let bytes: [FactorWay: Int]
    /// Multiply-adds of the busiest rank for the gradient.
    package let products: [FactorWay: Int]
  }

  package let layers: [Layer]

  package var ways: [Int: FactorWay] { Dictionary(uniqueKeysWithValues: layers.map { ($0.parameter, $0.way) }) }

  /// - Parameters:
  ///   - rows: of one shard's factors.
  ///   - asked: nil for the cheaper of `sums` and `factors`; `replicas` only when asked for, since it costs momentum.
  package init(
    _ table: ParameterTable, tree: ShardTree, ranks: Int, rows: Int, unfoldings: [String: Unfolding], asked: FactorWay?
  ) {
    let own = tree.range(of: 0, ranks: ranks).count
    let nodes = (0..<ranks).map { tree.maximalNodes(in: tree.range(of: $0, ranks: ranks)).count }.max() ?? 1
    layers = table.parameters.indices.filter { table.parameters[$0].gradient == .factored }.map { index in
      let parameter = table.parameters[index]
      let (height, width) = (parameter.shape[0], parameter.shape.dropFirst().reduce(1, *))
      let factors = rows * height + (unfoldings[parameter.name]?.mapFloats ?? rows * width)
      let (others, slice) = (ranks - 1, (parameter.count + ranks - 1) / ranks)
      let bytes: [FactorWay: Int] = [
        .sums: 4 * (nodes * slice * others + slice * others), .factors: 4 * (own * factors * others + slice * others),
        .replicas: 4 * own * factors * others,
      ]
      let products: [FactorWay: Int] = [
        .sums: rows * parameter.count * own, .factors: rows * slice * tree.shards, .replicas: rows * parameter.count * tree.shards,
      ]
      let cheaper: FactorWay = bytes[.factors]! < bytes[.sums]! ? .factors : .sums
      return Layer(
        parameter: index, name: parameter.name, way: ranks == 1 ? .sums : asked ?? cheaper, bytes: bytes, products: products)
    }
  }
}
