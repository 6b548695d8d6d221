// Tests of the division of the parameter vector into buckets and slices.
import Cluster
import Compute
import Testing

@Suite struct BucketPlanTests {
  /// Two sections with large matrices, in the order of the forward pass, as in the segmentation phase.
  static let table = ParameterTable([
    ParameterSpec("bridging.pool5_bn.scale", [24], .batchNormScale, section: "bridging"),
    ParameterSpec("bridging.fc6.weight", [40, 100], .weight, section: "bridging", gradient: .factored),
    ParameterSpec("bridging.fc6.bias", [40], .bias, section: "bridging", rateMultiplier: 2, decayMultiplier: 0),
    ParameterSpec("bridging.fc6_deconv.weight", [33, 64], .weight, section: "bridging", gradient: .factored),
    ParameterSpec("segmentation.deconv5_1.weight", [16, 16, 3, 3], .weight, section: "segmentation"),
    ParameterSpec(
      "segmentation.deconv5_1.bias", [16], .bias, section: "segmentation", rateMultiplier: 2, decayMultiplier: 0),
    ParameterSpec("segmentation.score.weight", [2, 16], .weight, section: "segmentation"),
  ])

  @Test(
    "Every float is in one bucket and in one rank's slice; replicated ones are in every rank's.",
    arguments: [1, 2, 3, 4, 5, 7, 8, 16], [16, 250, 1000, 8 << 20])
  func everyFloatIsInOneBucketAndOneSlice(ranks: Int, floats: Int) {
    for exchange in GradientExchange.allCases {
      let plan = BucketPlan(Self.table, ranks: ranks, floats: floats, exchanges: [1: exchange, 3: .factors])
      var owners = [[Int]](repeating: [], count: Self.table.vectorCount)
      var covered = [Int](repeating: 0, count: Self.table.vectorCount)
      for bucket in plan.buckets {
        #expect(bucket.range.count <= max(floats, 16) && bucket.slices.count == ranks)
        for float in bucket.range { covered[float] += 1 }
        for (rank, slice) in bucket.slices.enumerated() {
          #expect(slice.lowerBound % 16 == 0 || slice.isEmpty)
          for float in slice { owners[float].append(rank) }
        }
      }
      #expect(covered.allSatisfy { $0 == 1 })
      let replicated = exchange == .replicas ? Self.table.offsets[1]..<Self.table.offsets[1] + 4000 : 0..<0
      for float in owners.indices { #expect(owners[float].count == (replicated.contains(float) ? ranks : 1)) }
      // `owned` joins the same ranges.
      for rank in 0..<ranks {
        let ranges = plan.owned[rank]
        #expect(zip(ranges, ranges.dropFirst()).allSatisfy { $0.upperBound < $1.lowerBound })
        #expect(ranges.flatMap(Array.init) == owners.indices.filter { owners[$0].contains(rank) })
      }
    }
  }

  @Test("Buckets are ordered by the backward pass: the last layer's comes first.")
  func bucketsComeInBackwardOrder() {
    let plan = BucketPlan(Self.table, ranks: 2, floats: 8 << 20, exchanges: [1: .factors, 3: .factors])
    let names = plan.buckets.map { $0.parameters.map { Self.table.parameters[$0].name } }
    #expect(
      names == [
        ["segmentation.deconv5_1.weight", "segmentation.deconv5_1.bias", "segmentation.score.weight"],
        ["bridging.fc6_deconv.weight"], ["bridging.fc6.weight"], ["bridging.pool5_bn.scale", "bridging.fc6.bias"],
      ])
    #expect(plan.exchanged == [1, 3])
    // Small buckets: the end of a layer leaves before its beginning.
    let small = BucketPlan(Self.table, ranks: 2, floats: 500)
    let starts = small.buckets.filter { $0.parameters == [4] }.map(\.range.lowerBound)
    #expect(starts.count > 3 && starts == starts.sorted(by: >))
  }

  @Test("A network that fills few buckets is cut into pieces, but not into very small ones.")
  func smallNetworksAreCutIntoPieces() {
    let table = ParameterTable([
      ParameterSpec("a.b.weight", [1 << 19], .weight),
      ParameterSpec("a.c.weight", [512, 512], .weight, gradient: .factored),
    ])
    func floats(_ pieces: Int, _ floats: Int = 8 << 20) -> [Int] {
      BucketPlan(table, ranks: 2, floats: floats, pieces: pieces).buckets.map(\.range.count)
    }
    #expect(floats(1) == [1 << 18, 1 << 19])
    #expect(floats(8) == [1 << 17, 1 << 17] + Array(repeating: 1 << 16, count: 8))
    #expect(floats(1000) == [1 << 17, 1 << 17] + Array(repeating: 1 << 14, count: 32))
    #expect(floats(8, 1 << 17) == [1 << 17, 1 << 17] + Array(repeating: 1 << 16, count: 8))
    #expect(floats(8, 1 << 16) == Array(repeating: 1 << 16, count: 12))
  }

  @Test("Slices are even, up to blocks of 16 floats in each bucket.")
  func slicesAreEven() {
    for ranks in [2, 3, 8] {
      let plan = BucketPlan(Self.table, ranks: ranks, floats: 1000, exchanges: [1: .factors])
      let floats = plan.owned.map { $0.reduce(0) { $0 + $1.count } }
      #expect(floats.reduce(0, +) == Self.table.vectorCount)
      #expect(floats.allSatisfy { abs($0 - Self.table.vectorCount / ranks) <= 16 * plan.buckets.count })
    }
  }
}
