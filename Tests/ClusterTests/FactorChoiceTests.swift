import Cluster
import Kernels
import Models
import Compute
import Testing

@Suite struct FactorChoiceTests {
  private func layers(_ ranks: Int, asked: GradientExchange? = nil, speed: FactorChoice.Speed? = nil) -> [String: FactorChoice
    .Layer]
  {
    let shape = NetworkShape(width: 1, inputSize: 320, classes: 20, batchNormalization: false)
    let choice = FactorChoice(
      shape.segmentationParameters(), tree: ShardTree(shards: 16), ranks: ranks, rows: 4 * shape.scorePixels,
      unfoldings: shape.factorUnfoldings(images: 4), asked: asked, speed: speed)
    return Dictionary(uniqueKeysWithValues: choice.layers.map { ($0.name, $0) })
  }

  /// Phase two at full width on 8 ranks, worked out by hand: fc6 has 2048 x 1024 x 7 x 7 weights; a shard's factors are the
  /// 4 images' maps of 1024 x 10 x 10 and 64 rows of 2048.
  @Test func fullWidthOnEightRanks() throws {
    let fc6 = try #require(layers(8)["bridging.fc6.weight"])
    let weights = 2048 * 1024 * 49
    let factors = 4 * 1024 * 100 + 64 * 2048
    #expect(fc6.bytes[.sums] == 4 * 2 * weights / 8 * 7)
    #expect(fc6.bytes[.replicas] == 4 * 2 * factors * 7)
    #expect(fc6.bytes[.factors] == 4 * (2 * factors + weights / 8) * 7)
    #expect(fc6.bytes[.sums]! / fc6.bytes[.replicas]! >= 20)
    #expect(fc6.way == .factors)
    // Whoever adds, the products are as many; only the replicas' are not shared.
    #expect(fc6.products[.sums] == fc6.products[.factors])
    #expect(fc6.products[.replicas] == 8 * fc6.products[.factors]!)
  }

  @Test func whatIsAskedForIsDone() {
    for way in GradientExchange.allCases { #expect(layers(4, asked: way).values.allSatisfy { $0.way == way }) }
    #expect(layers(1, asked: .factors).values.allSatisfy { $0.way == .sums })
  }

  /// A small matrix with many rows is smaller as a sum.
  @Test func smallMatricesTravelAsSums() {
    let table = ParameterTable([ParameterSpec("a.b.weight", [32, 32], .weight, gradient: .factored)])
    let choice = FactorChoice(
      table, tree: ShardTree(shards: 16), ranks: 4, rows: 64, unfoldings: [:], asked: nil, speed: nil)
    #expect(choice.layers[0].way == .sums)
  }

  /// A matrix whose factors are larger than its sums, and 17 shards on 16 ranks: one rank has two shards, so whole sums cost it
  /// twice the products of a slice. Slow links ask for few bytes, slow cores for few products.
  @Test func linksAndCoresDecide() {
    let table = ParameterTable([ParameterSpec("a.b.weight", [256, 256], .weight, gradient: .factored)])
    func way(_ speed: FactorChoice.Speed?) -> FactorChoice.Layer {
      FactorChoice(
        table, tree: ShardTree(shards: 17), ranks: 16, rows: 64, unfoldings: [:], asked: nil, speed: speed
      ).layers[0]
    }
    let layer = way(nil)
    #expect(layer.bytes[.factors]! > layer.bytes[.sums]!)
    #expect(layer.products[.sums]! > layer.products[.factors]! * 3 / 2)
    #expect(layer.way == .sums)
    #expect(way(.init(bandwidth: 1e6, products: 1e15)).way == .sums)
    #expect(way(.init(bandwidth: 1e15, products: 1e6)).way == .factors)
    let seconds = layer.seconds(.sums, .init(bandwidth: 1000, products: 100))
    #expect(seconds.sending == Double(layer.bytes[.sums]!) / 1000)
    #expect(seconds.computing == Double(layer.products[.sums]!) / 100)
  }
}
