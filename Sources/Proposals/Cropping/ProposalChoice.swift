// The choice of a proposal source by name, as in commands and configurations.
import Foundation
import Images

package struct ProposalChoice: Sendable {
  /// nil for random boxes only.
  package let source: (any ProposalSource)?
  /// The description in the header of a crop list.
  package let text: String

  /// The accepted names, for messages.
  package static let names = "edgeboxes, random, or a folder with a file ID.txt of boxes for each image"

  /// Accepts `random` (no source), `edgeboxes` and the path of a folder with boxes of another tool; returns nil
  /// otherwise.
  package init?(named name: String) {
    switch name {
    case "random":
      source = nil
      text = "random boxes alone"
    case "edgeboxes":
      var parameters = EdgeBoxes.Parameters()
      parameters.maxBoxes = 1000
      source = EdgeBoxesSource(parameters: parameters)
      let values = Mirror(reflecting: parameters).children.map { "\($0.label ?? "") \($0.value)" }
      text = "EdgeBoxes on gradient edges (" + values.joined(separator: ", ") + ")"
    default:
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: name, isDirectory: &isFolder), isFolder.boolValue else { return nil }
      source = FolderOfProposals(folder: name)
      text = "boxes of the folder \(name)"
    }
  }
}
