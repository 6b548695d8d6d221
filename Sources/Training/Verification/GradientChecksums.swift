// The checksums of one rank's gradients, which a replay compares with the logged ones.
import Cluster
import Compute

/// The checksums of one rank's gradients in an iteration, layer by layer.
final class GradientChecksums {
  private let table: ParameterTable
  private let sums: PartialSums
  private var layers: [String] = []
  /// The checksums by layer, for this rank's shards in order.
  private var checksums: [String: [UInt64]] = [:]

  init(_ table: ParameterTable, _ sums: PartialSums) {
    self.table = table
    self.sums = sums
  }

  /// Adds the gradients that a layer has written for the current shard.
  func add(_ layer: LayerParameters) {
    let gradient = sums.currentGradient
    var checksum = GradientChecksum()
    for parameter in layer.indices {
      if table.parameters[parameter].gradient == .stored {
        checksum.add(gradient.stored + table.offsets[parameter], count: table.parameters[parameter].count)
      } else if let factors = gradient.factors {
        checksum.mix(factors.checksum(parameter, shard: gradient.shard))
      }
    }
    if checksums[layer.name] == nil { layers.append(layer.name) }
    checksums[layer.name, default: []].append(checksum.value)
  }

  /// Returns the checksums of all ranks by layer and shard on rank 0, and nil on other ranks. Collective.
  func gather(_ communicator: Communicator) throws -> [VerificationLine.LayerChecksums]? {
    let own = layers.flatMap { checksums[$0]! }.withUnsafeBytes { Array($0) }
    guard let all = try communicator.gather(own) else { return nil }
    let ranks = all.map { bytes in bytes.withUnsafeBytes { Array($0.bindMemory(to: UInt64.self)) } }
    return layers.enumerated().map { place, layer in
      .init(
        layer: layer,
        words: ranks.flatMap { checksums in
          let shards = checksums.count / layers.count
          return checksums[place * shards..<(place + 1) * shards].map { String($0, radix: 16) }
        })
    }
  }
}
