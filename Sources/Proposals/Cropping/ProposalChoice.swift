// Names of proposal sources, as commands and configurations give them.
import Datasets
import Images

package struct ProposalChoice: Sendable {
  /// nil for random boxes alone.
  package let source: (any ProposalSource)?
  /// What the head of a crop list says of it.
  package let text: String

  /// `random`, `edgeboxes`.
  package init?(named name: String) {
    switch name {
    case "random": (source, text) = (nil, "random boxes alone")
    default: return nil
    }
  }
}
