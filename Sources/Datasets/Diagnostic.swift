// What somebody who looked through a data set has to say about it.

package struct Diagnostic: Equatable, Sendable {
  package enum Severity: Sendable { case fault, warning }

  package let severity: Severity
  /// Findings of one kind are counted together.
  package let kind: String
  /// Which file, what is wrong, what to do.
  package let text: String

  package init(_ severity: Severity, _ kind: String, _ text: String) {
    (self.severity, self.kind, self.text) = (severity, kind, text)
  }
}

extension [Diagnostic] {
  package var faults: Int { count { $0.severity == .fault } }
  package var warnings: Int { count { $0.severity == .warning } }

  /// A line for each, faults first and those of a kind together; of each kind at most `limit`, then how many more.
  package func lines(limit: Int) -> [String] {
    var kinds: [String] = []
    var groups: [String: [Diagnostic]] = [:]
    for finding in filter({ $0.severity == .fault }) + filter({ $0.severity == .warning }) {
      let key = "\(finding.severity) \(finding.kind)"
      if groups[key] == nil { kinds.append(key) }
      groups[key, default: []].append(finding)
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
