// Names of proposal sources, as commands and configurations give them.
import Foundation
import Images

package struct ProposalChoice: Sendable {
  /// nil for random boxes alone.
  package let source: (any ProposalSource)?
  /// What the head of a crop list says of it.
  package let text: String

  /// What the names are, for messages.
  package static let names = "edgeboxes, random, or a folder with a file ID.txt of boxes for each image"

  /// `random` for none, `edgeboxes`, or the path of a folder of another tool's boxes; nil where it is none of them.
  package init?(named name: String) {
    switch name {
    case "random": (source, text) = (nil, "random boxes alone")
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
