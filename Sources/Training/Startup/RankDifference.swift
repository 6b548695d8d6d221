// The comparison of one value over all ranks.
import Foundation
import Kernels

/// A value that must be the same on all ranks and is not.
package struct RankDifference: Sendable, Equatable {
  package enum Kind: Sendable, Equatable {
    case setting(String)
    case executable
    case instructionSet
    case matrixLibrary
    case list(String)
    case labels
  }

  package let kind: Kind
  /// The first rank that differs from rank 0.
  package let rank: Int
  /// The number of further ranks that differ.
  package let others: Int
  package let host: String
  package let value: String
  package let firstHost: String
  package let firstValue: String

  /// Returns nil if all ranks have the value of rank 0.
  package init?(_ kind: Kind, hosts: [String], values: [String], same: (String, String) -> Bool = { $0 == $1 }) {
    let different = values.indices.filter { !same(values[$0], values[0]) }
    guard let rank = different.first else { return nil }
    self.kind = kind
    self.rank = rank
    others = different.count - 1
    host = hosts[rank]
    value = values[rank]
    firstHost = hosts[0]
    firstValue = values[0]
  }

  /// The difference in words, such as `rank 1 on host2 (and 3 more) has seed = 2, rank 0 on host1 has 1`.
  package var text: String {
    let who = "rank \(rank) on \(host)" + (others > 0 ? " (and \(others) more)" : "")
    let first = "rank 0 on \(firstHost)"
    return switch kind {
    case .setting(let key): "\(who) has \(key) = \(value), \(first) has \(firstValue)"
    case .executable: "\(who) runs another dnet-train (SHA-256 \(short(value))) than \(first) (\(short(firstValue)))"
    case .instructionSet: "\(who) runs a dnet-train built for \(value), \(first) one built for \(firstValue)"
    case .matrixLibrary: "\(who) uses OpenBLAS \(value), \(first) OpenBLAS \(firstValue)"
    case .list(let key): "\(key): \(who) found \(short(value)), \(first) found \(short(firstValue))"
    case .labels:
      "\(who) has images or labels (SHA-256 \(short(value))) other than those of \(first) (\(short(firstValue)))"
    }
  }

  /// Shortens a digest to its beginning; returns other texts unchanged.
  private func short(_ value: String) -> String {
    value.count == 64 && value.allSatisfy(\.isHexDigit) ? "\(value.prefix(12))..." : value
  }

  var remedy: String {
    let tolerance =
      "; with cluster.mixedInstructionSets=warn the run starts, but its weights depend on which rank computes which "
      + "shard"
    return switch kind {
    case .setting: "start all ranks with the same configuration file and options"
    case .executable: "start one build on all machines, from a shared folder or copied to each"
    case .instructionSet:
      "start one build on all machines, made for an instruction set that all of them have "
        + "(DNET_MARCH=x86-64-v3 Launch/setup)" + tolerance
    case .matrixLibrary:
      "install one version on all machines, and set the same kernels for all (mpirun -x "
        + "OPENBLAS_CORETYPE=\(BLAS.expectedCoreName ?? "Haswell"))" + tolerance
    case .list: "give all machines the same data, in a shared folder or copied to each"
    case .labels: "give all machines the same lists and masks (dnet data check counts what a machine has)"
    }
  }
}
