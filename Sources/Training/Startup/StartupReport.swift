// The comparison of all ranks' facts on rank 0: the first difference that forbids the run, warnings, and a table of
// hosts.
import CProcessor
import Foundation
import Support

package struct StartupReport: Sendable {
  package private(set) var error: StartupError?
  package private(set) var warnings: [String] = []
  /// A heading and a row for each host; a single line for a single rank.
  package let table: [String]

  /// - Parameter facts: the facts of all ranks in rank order; at least one.
  package init(_ facts: [StartupFacts]) {
    let hosts = HostFacts.group(facts)
    table = Self.table(facts, hosts)
    if facts.count == 1, let tasks = facts[0].tasks, tasks.count > 1 { error = .alone(tasks) }
    compare(facts)
    for host in hosts { host.overlap.map { warnings.append($0) } }
    warnBound(hosts.filter { $0.overlap == nil && $0.leavesCores })
  }

  // MARK: Differences

  private mutating func compare(_ facts: [StartupFacts]) {
    let names = facts.map(\.host)
    func difference(_ kind: RankDifference.Kind, _ value: (StartupFacts) -> String) -> RankDifference? {
      RankDifference(kind, hosts: names, values: facts.map(value))
    }
    for key in Self.keys(facts.map(\.settings)) {
      let kind = ConfigurationKey.named(key)?.kind ?? .text
      refuse(
        RankDifference(
          .setting(key), hosts: names, values: facts.map { $0.settings[key] ?? "nothing" }, same: kind.equal))
    }
    // Builds for two instruction sets are two programs; the sets are the better explanation.
    let sets = facts.map(\.instructions)
    let second = sets.first { $0 != sets[0] }
    let unlike = difference(.instructionSet) {
      Self.instructionSet($0.instructions, unlike: $0.instructions == sets[0] ? second : sets[0])
    }
    let tolerates = facts[0].settings["cluster.mixedInstructionSets"] == "warn"
    for difference in [unlike, difference(.matrixLibrary, \.blas)] {
      tolerates ? warn(difference) : refuse(difference)
    }
    if unlike == nil { refuse(difference(.executable, \.executable)) }
    for key in Self.keys(facts.map(\.data)) { refuse(difference(.list(key)) { $0.data[key] ?? "nothing" }) }
    if let other = facts.first(where: { $0.mpi != facts[0].mpi }) {
      warnings.append(
        "\(other.host) has \(other.mpi), \(facts[0].host) \(facts[0].mpi): "
          + "install one version of Open MPI on all machines"
      )
    }
  }

  private mutating func refuse(_ difference: RankDifference?) {
    if error == nil, let difference { error = .differs(difference) }
  }

  private mutating func warn(_ difference: RankDifference?) {
    if let difference {
      warnings.append(
        "\(difference.text): the weights depend on which rank computes which shard (cluster.mixedInstructionSets=warn)")
    }
  }

  /// Returns the configuration keys in their order, then the options.
  private static func keys(_ values: [[String: String]]) -> [String] {
    let found = values.reduce(into: Set<String>()) { $0.formUnion($1.keys) }
    let known = ConfigurationKey.known.map(\.path).filter(found.contains)
    return known + found.subtracting(known).sorted()
  }

  // MARK: Instruction sets

  /// Returns the name of a set, with an instruction that distinguishes it from another set of the same name.
  static func instructionSet(_ set: UInt64, unlike other: UInt64? = nil) -> String {
    let name =
      switch dnet_level(set) {
      case 2: "AVX-512"
      case 1: "AVX2"
      case 0: "x86-64 without AVX2"
      default: "other than x86-64"
      }
    guard let other, set != other else { return name }
    if let extra = dnet_first_name(dnet_missing(set, other)) { return "\(name) with \(String(cString: extra))" }
    if let lacking = dnet_first_name(dnet_missing(other, set)) { return "\(name) without \(String(cString: lacking))" }
    return name
  }

  // MARK: Binding

  /// Adds one warning for all hosts whose ranks mpirun has bound to a part of the cores.
  private mutating func warnBound(_ hosts: [HostFacts]) {
    guard let first = hosts.first else { return }
    let others = hosts.count > 1 ? " (and on \(hosts.count - 1) other hosts)" : ""
    let ranks = first.ranks.count
    let each = max(first.launcherCores.count / ranks, 1)
    let remedy =
      ranks == 1
      ? "--bind-to none gives it all" : "--bind-to none gives them all, --map-by slot:PE=\(each) gives each \(each)"
    warnings.append(
      "mpirun has bound \(ranks == 1 ? "the rank" : "the \(ranks) ranks") of \(first.name)\(others) to "
        + "\(first.cores.count) of \(first.launcherCores.count) cores: \(remedy)")
  }

  // MARK: The table

  private static func table(_ facts: [StartupFacts], _ hosts: [HostFacts]) -> [String] {
    if facts.count == 1 {
      let fact = facts[0]
      let host = hosts[0]
      let threads = fact.threads == 1 ? "1 thread" : "\(fact.threads) threads"
      return [
        "\(fact.host): 1 rank, \(threads) on \(host.cores.count == 1 ? "core" : "cores") "
          + "\(CoreList.text(host.cores)), \(instructionSet(fact.instructions)), OpenBLAS \(fact.blas), \(fact.mpi)"
      ]
    }
    let heading = ["host", "ranks", "threads", "cores", "binding", "instructions", "OpenBLAS", "MPI"]
    let rows = hosts.map { host in
      [
        host.name, CoreList.text(Set(host.ranks)), host.threadsText, CoreList.text(host.cores), host.binding,
        texts(host.facts.map { instructionSet($0.instructions) }), texts(host.facts.map(\.blas)),
        texts(host.facts.map(\.mpi)),
      ]
    }
    return TextTable.lines([heading] + rows, columns: [.left])
  }

  /// Joins the different texts of a host's ranks.
  private static func texts(_ all: [String]) -> String {
    all.reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }.joined(separator: " and ")
  }
}
