import Compute
// The ranks of one host and the cores under them.
import Foundation

struct HostFacts {
  let name: String
  let ranks: [Int]
  let facts: [StartupFacts]
  /// Cores of each rank, of all, and of mpirun.
  let own: [Set<Int>]
  let cores: Set<Int>
  let launcherCores: Set<Int>

  /// Hosts in the order of their first ranks.
  static func group(_ facts: [StartupFacts]) -> [HostFacts] {
    var order: [String] = []
    var ranks: [String: [Int]] = [:]
    for (rank, fact) in facts.enumerated() {
      if ranks[fact.host] == nil { order.append(fact.host) }
      ranks[fact.host, default: []].append(rank)
    }
    return order.map { HostFacts(name: $0, ranks: ranks[$0]!, facts: ranks[$0]!.map { facts[$0] }) }
  }

  private init(name: String, ranks: [Int], facts: [StartupFacts]) {
    self.name = name
    self.ranks = ranks
    self.facts = facts
    own = facts.map { Set(AvailableCores.numbers(inList: $0.cores) ?? []) }
    cores = own.reduce(into: []) { $0.formUnion($1) }
    launcherCores = facts.reduce(into: cores) { $0.formUnion(AvailableCores.numbers(inList: $1.launcherCores) ?? []) }
  }

  var threadsText: String {
    let all = facts.map(\.threads)
    guard let least = all.min(), let most = all.max(), least != most else {
      return "\(all[0])" + (all.count > 1 ? " each" : "")
    }
    return "\(least) to \(most)"
  }

  /// Who may use which of the cores.
  var binding: String {
    if own.allSatisfy({ $0 == launcherCores }) { return "none" }
    if cores.count == own.reduce(0, { $0 + $1.count }) {
      let counts = own.map(\.count)
      guard let least = counts.min(), let most = counts.max(), least != most else {
        return "\(counts[0]) \(counts[0] == 1 ? "core" : "cores")" + (counts.count > 1 ? " each" : "")
      }
      return "\(least) to \(most) cores"
    }
    return own.allSatisfy { $0 == own[0] } ? "shared" : "overlapping"
  }

  /// Whether mpirun left cores to no rank although dnet was to use them all.
  var leavesCores: Bool { cores.count < launcherCores.count && facts.allSatisfy(\.sharesCores) }

  /// Says that ranks have more threads than the cores that they are bound to, while others are free.
  var overlap: String? {
    let free = launcherCores.subtracting(cores).count
    guard free > 0, let crowded = sharing.first(where: { $0.threads > $0.cores.count }) else { return nil }
    let who =
      crowded.ranks.count == 1
      ? "rank \(crowded.ranks[0]) of \(name) has" : "ranks \(CoreList.text(Set(crowded.ranks))) of \(name) have"
    return
      "\(who) \(crowded.threads) threads on \(crowded.cores.count == 1 ? "core" : "cores") \(CoreList.text(crowded.cores)), while "
      + "\(free) \(free == 1 ? "core is" : "cores are") free: start mpirun with --bind-to none, or give each rank its cores by --map-by slot:PE=N"
  }

  /// Ranks whose cores hang together, directly or by way of others; groups in the order of their first ranks.
  private var sharing: [(ranks: [Int], cores: Set<Int>, threads: Int)] {
    var groups: [(ranks: [Int], cores: Set<Int>, threads: Int)] = []
    for (place, rank) in ranks.enumerated() {
      var group = (ranks: [rank], cores: own[place], threads: facts[place].threads)
      groups.removeAll { other in
        guard !other.cores.isDisjoint(with: group.cores) else { return false }
        group = (other.ranks + group.ranks, other.cores.union(group.cores), other.threads + group.threads)
        return true
      }
      groups.append(group)
    }
    return groups.sorted { $0.ranks[0] < $1.ranks[0] }
  }
}

/// Numbers as the kernel writes them: 0-3,8.
enum CoreList {
  static func text(_ numbers: Set<Int>) -> String {
    var ranges: [ClosedRange<Int>] = []
    for number in numbers.sorted() {
      if let last = ranges.last, last.upperBound + 1 == number {
        ranges[ranges.count - 1] = last.lowerBound...number
      } else {
        ranges.append(number...number)
      }
    }
    return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }.joined(
      separator: ",")
  }
}
