// Tests of the estimated bytes that ranks send in an iteration.
import Cluster
import Models
import Testing
import Training

@Suite struct CommunicationVolumeTests {
  /// The volume of the segmentation phase.
  private static func volume(ranks: Int, _ settings: [String]) throws -> CommunicationVolume {
    let configuration = try Configuration(yaml: "{}", settings: ["data.root=none"] + settings)
    return CommunicationVolume(configuration.phases[1], configuration, ranks: ranks, speed: nil)
  }

  @Test("The cluster holds every momentum float once, evenly divided among the ranks.")
  func momentumIsHeldOnceInTheCluster() throws {
    let settings = ["network.width=0.25", "network.inputSize=96"]
    let alone = try Self.volume(ranks: 1, settings).momentumBytes(of: 0)
    for ranks in [2, 3, 8] {
      let volume = try Self.volume(ranks: ranks, settings)
      let bytes = (0..<ranks).map(volume.momentumBytes)
      #expect(bytes.reduce(0, +) == alone)
      #expect(Double(bytes.max()!) < 1.02 * Double(alone) / Double(ranks), "\(ranks): \(bytes)")
    }
  }

  /// fc6 of the bridging layers at the paper's sizes on 8 ranks: a rank sends 24 times less with replicas.
  @Test("Factors of the largest layer are much smaller than its sums.")
  func factorsOfTheLargestLayer() throws {
    func sent(_ exchange: String) throws -> Int {
      let volume = try Self.volume(ranks: 8, ["cluster.gradientExchange=\(exchange)"])
      let fc6 = volume.plan.table.index(of: "bridging.fc6.weight")!
      return volume.plan.buckets.filter { $0.parameters == [fc6] }.reduce(0) {
        $0 + volume.gradientBytes($1, from: 0) + volume.weightBytes($1, from: 0)
      } + (volume.factorBytes[fc6] ?? 0) * volume.shards(of: 0) * 7
    }
    let (sums, factors, replicas) = (try sent("sums"), try sent("factors"), try sent("replicas"))
    #expect(sums > 20 * replicas, "\(sums) and \(replicas)")
    #expect(factors < sums && factors > replicas)
  }
}
