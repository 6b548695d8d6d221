// `--initial-weights`: tensors of a file in place of the initial values of the same names.
import Checkpoints
import Foundation
import Models

enum InitialWeights {
  /// Sets the parameters that the file names; returns the groups that it sets completely.
  static func apply(
    _ path: String?, to model: any Model, say: (String) -> Void
  ) throws -> Set<ParameterGroup.Name> {
    guard let path else { return [] }
    let stored = try WeightsFile.read(URL(fileURLWithPath: path))
    let (set, left) = try stored.setInitialWeights(of: model.vectors)
    say("\(path) sets \(set.count) parameters and leaves \(left.count) at their initial values")
    for name in left { say("  left: \(name)") }
    let missing = Set(left)
    return Set(
      model.groups.filter { group in
        [group.parameters, group.statistics].allSatisfy { vector in
          vector.table.parameters.allSatisfy { !missing.contains($0.name) }
        }
      }.map(\.name))
  }
}
