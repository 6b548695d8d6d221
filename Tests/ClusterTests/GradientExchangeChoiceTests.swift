// Tests of the choice of the exchange of each large gradient.
import Cluster
import Compute
import Kernels
import Models
import Testing

@Suite struct GradientExchangeChoiceTests {
  private func matrices(
    _ ranks: Int, asked: GradientExchange? = nil, speed: ClusterSpeed? = nil
  ) -> [String: GradientExchangeChoice.Matrix] {
    let shape = NetworkShape(width: 1, inputSize: 320, classes: 20, batchNormalization: false)
    let table = DecoupledNet.segmentationLayers(shape).parameterTable
    let choice = GradientExchangeChoice(
      table, tree: ShardTree(shards: 16), ranks: ranks, rows: table.factorRows(images: 4),
      unfoldings: table.factorUnfoldings(images: 4), asked: asked, speed: speed)
    return Dictionary(uniqueKeysWithValues: choice.matrices.map { ($0.name, $0) })
  }

  /// The segmentation phase at full width on 8 ranks: fc6 has 2048 x 1024 x 7 x 7 weights; a shard's factors are the
  /// 4 images' maps of 1024 x 10 x 10 and 64 rows of 2048.
  @Test("Bytes and multiply-adds of the largest layer equal those worked out by hand.")
  func fullWidthOnEightRanks() throws {
    let fc6 = try #require(matrices(8)["bridging.fc6.weight"])
    let weights = 2048 * 1024 * 49
    let factors = 4 * 1024 * 100 + 64 * 2048
    #expect(fc6.bytes[.sums] == 4 * 2 * weights / 8 * 7)
    #expect(fc6.bytes[.replicas] == 4 * 2 * factors * 7)
    #expect(fc6.bytes[.factors] == 4 * (2 * factors + weights / 8) * 7)
    #expect(fc6.bytes[.sums]! / fc6.bytes[.replicas]! >= 20)
    #expect(fc6.exchange == .factors)
    // Sums and factors share the products among the ranks, replicas do not.
    #expect(fc6.multiplyAdds[.sums] == fc6.multiplyAdds[.factors])
    #expect(fc6.multiplyAdds[.replicas] == 8 * fc6.multiplyAdds[.factors]!)
  }

  @Test("The configured exchange is used; a single rank uses sums.")
  func theConfiguredExchangeIsUsed() {
    for exchange in GradientExchange.allCases {
      #expect(matrices(4, asked: exchange).values.allSatisfy { $0.exchange == exchange })
    }
    #expect(matrices(1, asked: .factors).values.allSatisfy { $0.exchange == .sums })
  }

  @Test("A small matrix with many rows travels as sums, which are smaller than its factors.")
  func smallMatricesTravelAsSums() {
    let table = ParameterTable([ParameterSpec("a.b.weight", [32, 32], .weight, gradient: .factored)])
    let choice = GradientExchangeChoice(
      table, tree: ShardTree(shards: 16), ranks: 4, rows: 64, unfoldings: [:], asked: nil, speed: nil)
    #expect(choice.matrices[0].exchange == .sums)
  }

  /// A matrix whose factors are larger than its sums, and 17 shards on 16 ranks: one rank has two shards, so whole sums
  /// cost it twice the products of a slice.
  @Test("Slow links choose few bytes, slow cores choose few multiply-adds.")
  func linksAndCoresDecide() {
    let table = ParameterTable([ParameterSpec("a.b.weight", [256, 256], .weight, gradient: .factored)])
    func choice(_ speed: ClusterSpeed?) -> GradientExchangeChoice.Matrix {
      GradientExchangeChoice(
        table, tree: ShardTree(shards: 17), ranks: 16, rows: 64, unfoldings: [:], asked: nil, speed: speed
      ).matrices[0]
    }
    let matrix = choice(nil)
    #expect(matrix.bytes[.factors]! > matrix.bytes[.sums]!)
    #expect(matrix.multiplyAdds[.sums]! > matrix.multiplyAdds[.factors]! * 3 / 2)
    #expect(matrix.exchange == .sums)
    #expect(choice(.init(bandwidth: 1e6, multiplyAddRate: 1e15)).exchange == .sums)
    #expect(choice(.init(bandwidth: 1e15, multiplyAddRate: 1e6)).exchange == .factors)
    let seconds = matrix.seconds(.sums, .init(bandwidth: 1000, multiplyAddRate: 100))
    #expect(seconds.sending == Double(matrix.bytes[.sums]!) / 1000)
    #expect(seconds.computing == Double(matrix.multiplyAdds[.sums]!) / 100)
  }
}
