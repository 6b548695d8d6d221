// The ranks of one host and the cores that they may use.
import Compute
import Foundation

struct HostFacts {
  let name: String
  let ranks: [Int]
  let facts: [StartupFacts]
  /// The cores of each rank.
  let own: [Set<Int>]
  /// The cores of all ranks together.
  let cores: Set<Int>
  /// The cores that mpirun may use.
  let launcherCores: Set<Int>

  /// Groups the facts of all ranks by host; hosts are in the order of their first ranks.
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

  /// The division of the cores among the ranks.
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

  /// True if mpirun bound no rank to some cores although dnet was to use all.
  var leavesCores: Bool { cores.count < launcherCores.count && facts.allSatisfy(\.sharesCores) }

  /// A warning about ranks with more threads than the cores that they are bound to, while other cores are free.
  var overlap: String? {
    let free = launcherCores.subtracting(cores).count
    guard free > 0, let crowded = sharing.first(where: { $0.threads > $0.cores.count }) else { return nil }
    let subject =
      crowded.ranks.count == 1
      ? "rank \(crowded.ranks[0]) of \(name) has" : "ranks \(CoreList.text(Set(crowded.ranks))) of \(name) have"
    let cores = "\(crowded.cores.count == 1 ? "core" : "cores") \(CoreList.text(crowded.cores))"
    return
      "\(subject) \(crowded.threads) threads on \(cores), while \(free) \(free == 1 ? "core is" : "cores are") free: "
      + "start mpirun with --bind-to none, or give each rank its cores by --map-by slot:PE=N"
  }

  /// Groups of ranks that share cores, directly or through other ranks; in the order of their first ranks.
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
