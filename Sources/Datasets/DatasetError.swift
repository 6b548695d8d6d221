// The error of a dataset: its lists, labels and masks. An image that cannot be decoded is an `ImageError`.
package enum DatasetError: Error, Equatable, CustomStringConvertible {
  case noDirectory(root: String)
  case unreadableList(list: String, reason: String)
  case emptyList(list: String)
  /// A line that is neither an id nor the paths of an image and a mask.
  case badLine(list: String, line: Int, text: String)
  /// A file that a list names is missing; `more` further lines have the same fault.
  case missingFile(list: String, line: Int, path: String, more: Int)
  case noMask(id: String, folders: [String])
  /// Neither a mask nor a label list states which classes the image shows.
  case noLabels(id: String)
  case sizeMismatch(photograph: String, width: Int, height: Int, mask: String, maskWidth: Int, maskHeight: Int)
  case unknownClass(mask: String, index: Int, x: Int, y: Int, classes: Int)
  case tooFewMasks(name: String, found: Int, asked: Int)
  /// A request for a synthetic set that cannot be met.
  case impossible(what: String)

  package var description: String {
    switch self {
    case .noDirectory(let root):
      "no folder JPEGImages under \(root): check data.root (for VOC it ends in VOCdevkit/VOC2012)"
    case .unreadableList(let list, let reason):
      "cannot read the list \(list): \(reason); check the path; a relative one is looked up under data.root first"
    case .emptyList(let list):
      "the list \(list) names no image: give it one image id per line"
    case .badLine(let list, let line, let text):
      "\(list), line \(line): \"\(text)\" is neither an image id nor the paths of a photograph and a mask; "
        + "correct the line"
    case .missingFile(let list, let line, let path, let more):
      "\(list), line \(line): there is no \(path)"
        + (more > 0 ? " (and \(more) more lines name files that are missing)" : "")
        + "; fetch the images, take the line out, or check data.root"
    case .noMask(let id, let folders):
      "no mask for \(id) in \(folders.joined(separator: " or ")): run dnet data prepare, or check data.root"
    case .noLabels(let id):
      "no labels for \(id): it has neither a mask nor a line in ImageSets/image_labels.txt or "
        + "ImageSets/Main/CLASS_{trainval,train,val}.txt; run dnet data prepare, or take it out of the list"
    case .sizeMismatch(let photograph, let width, let height, let mask, let maskWidth, let maskHeight):
      "\(mask) has \(maskWidth) x \(maskHeight) pixels, but \(photograph) has \(width) x \(height): "
        + "fetch both from the same source"
    case .unknownClass(let mask, let index, let x, let y, let classes):
      "\(mask) has index \(index) at x \(x), y \(y), but there are \(classes) classes (1 to \(classes), 0 background, "
        + "255 ignored): correct the mask, or network.classes"
    case .tooFewMasks(let name, let found, let asked):
      "only \(found) images of the mask list show the class \(name), but \(asked) of each class are required: "
        + "lower data.masksPerClass or --per-class to \(found) or less, or add masks"
    case .impossible(let what):
      what
    }
  }
}
