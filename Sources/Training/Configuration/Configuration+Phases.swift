// The order of a configuration's phases, and the count of iterations over all of them.
import Models

extension Configuration {
  /// The phases of these names, in the model's order; all of them for nil.
  package func phases(named names: [String]?) throws -> [PhaseSpec] {
    guard let names else { return phases }
    if let unknown = names.first(where: { position(ofPhase: $0) == nil }) {
      throw ConfigurationError.outOfRange(
        key: "--phase", value: unknown, range: (phases.map(\.name) + ["all"]).joined(separator: " | "))
    }
    return phases.filter { names.contains($0.name) }
  }

  /// The position of a phase among the model's; nil for a name that no phase has.
  package func position(ofPhase name: String) -> Int? { phases.firstIndex { $0.name == name } }

  /// Iterations of the phases before the named one.
  package func iterationsBefore(_ name: String, among phases: [PhaseSpec]? = nil) -> Int {
    (phases ?? self.phases).prefix { $0.name != name }.reduce(0) { $0 + settings(of: $1).iterations }
  }

  /// The number of an iteration, counted from 1 over all phases.
  package func total(_ phase: String, _ iteration: Int) -> Int { iterationsBefore(phase) + iteration }
}
