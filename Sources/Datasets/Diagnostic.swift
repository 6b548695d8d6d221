// A fault or warning about a dataset, produced by `dnet data check` and `dnet data prepare`.

package struct Diagnostic: Equatable, Sendable {
  package enum Severity: Sendable { case fault, warning }

  package let severity: Severity
  /// The heading under which diagnostics are counted together.
  package let kind: String
  /// The file, what is wrong, and what to do.
  package let text: String

  package init(_ severity: Severity, _ kind: String, _ text: String) {
    self.severity = severity
    self.kind = kind
    self.text = text
  }
}

extension [Diagnostic] {
  package var faults: Int { count { $0.severity == .fault } }
  package var warnings: Int { count { $0.severity == .warning } }

  /// One line for each diagnostic, faults first and grouped by kind. Of each kind at most `limit` lines are given, then
  /// the number of those left out.
  package func lines(limit: Int) -> [String] {
    var kinds: [String] = []
    var groups: [String: [Diagnostic]] = [:]
    for diagnostic in filter({ $0.severity == .fault }) + filter({ $0.severity == .warning }) {
      let key = "\(diagnostic.severity) \(diagnostic.kind)"
      if groups[key] == nil { kinds.append(key) }
      groups[key, default: []].append(diagnostic)
    }
    return kinds.flatMap { key in
      let group = groups[key]!
      let word = group[0].severity == .fault ? "FAULT    " : "warning  "
      let more = group.count - limit
      return group.prefix(limit).map { word + $0.text }
        + (more > 0 ? [word + "... and \(more) more of this kind: \(group[0].kind)"] : [])
    }
  }
}
