// The error of a crop list.

package enum CropListError: Error, Equatable, CustomStringConvertible {
  case unreadable(list: String, reason: String)
  /// A line feed ends a name in packs and in messages between ranks, so that it cannot be in a path.
  case lineFeedInPath(list: String)
  case empty(list: String)
  case otherVersion(list: String, version: String)
  /// A line with a wrong number of fields; `wanted` is the right one.
  case fields(list: String, line: Int, found: Int, wanted: String)
  case notANumber(list: String, line: Int, field: String, text: String)
  case badBox(list: String, line: Int, box: String)
  case badLabel(list: String, line: Int, column: Int, text: String)
  case noLabel(list: String, line: Int)
  case classTooHigh(list: String, line: Int, label: Int, classes: Int)
  case otherMask(list: String, line: Int, image: String, mask: String)
  case cutShort(list: String, line: Int, found: Int, expected: Int)
  case wrongDigest(list: String, line: Int, found: String, expected: String)
  case unknownImage(list: String, line: Int, id: String, images: String)
  case noCrops(list: String, id: String)
  case foreignLabel(list: String, line: Int, id: String, label: String)
  case farOutside(list: String, id: String, box: String, width: Int, height: Int)
  case maskChanged(id: String)
  case tooMany(crops: Int, images: Int)

  package var description: String {
    let again = "copy the list again, or make it again with dnet data propose"
    return switch self {
    case .unreadable(let list, let reason):
      "cannot read the crop list \(list): \(reason); data.proposals takes random, edgeboxes or the path of a list that "
        + "dnet data propose wrote"
    case .lineFeedInPath(let list):
      "there is a line feed in the path of the crop list \(list.debugDescription): rename the file or its folder "
        + "(data.proposals, or "
        + "--output where the run makes the list itself)"
    case .empty(let list): "the crop list \(list) has no line with a crop: \(again)"
    case .otherVersion(let list, let version):
      "\(list), line 1: a crop list of version \(version), this dnet reads version 1: make it again with dnet "
        + "data propose"
    case .fields(let list, let line, let found, let wanted):
      "\(list), line \(line): \(found) fields instead of \(wanted) (image mask x1 y1 x2 y2 c1 c2 ...): \(again)"
    case .notANumber(let list, let line, let field, let text):
      "\(list), line \(line): \(field) is \"\(text)\", but it must be an integer in -32768...32767: correct the "
        + "line, or \(again)"
    case .badBox(let list, let line, let box):
      "\(list), line \(line): the box \(box) ends before it begins (x1 y1 x2 y2, both corners inside): "
        + "correct the line, or \(again)"
    case .badLabel(let list, let line, let column, let text):
      "\(list), line \(line): c\(column) is \"\(text)\", but it must be 0 or 1: correct the line, or \(again)"
    case .noLabel(let list, let line):
      "\(list), line \(line): no class is chosen, so there is no foreground: remove the line, or \(again)"
    case .classTooHigh(let list, let line, let label, let classes):
      "\(list), line \(line): class \(label) is chosen, but there are \(classes) classes: set network.classes to "
        + "at least "
        + "\(label), or make the list again with dnet data propose"
    case .otherMask(let list, let line, let image, let mask):
      "\(list), line \(line): the image is \(image), but the mask is that of \(mask): correct the line, or \(again)"
    case .cutShort(let list, let line, let found, let expected):
      "\(list) ends after line \(line) with \(found) crops, its header says \(expected): it was cut short; \(again)"
    case .wrongDigest(let list, let line, let found, let expected):
      "\(list), lines 1 to \(line): SHA-256 \(found.prefix(12))..., its header says \(expected.prefix(12))...: "
        + "the list "
        + "was changed after it was made; \(again), or, if the change is intended, remove the lines that begin with #"
    case .unknownImage(let list, let line, let id, let images):
      "\(list), line \(line): the image \(id) is not in \(images): name the list of images that the crops were "
        + "made from, "
        + "or make the crops again with dnet data propose"
    case .noCrops(let list, let id):
      "\(list) has no crop of \(id), which is one of the masked images: make the crops again with dnet data "
        + "propose and the "
        + "same configuration"
    case .foreignLabel(let list, let line, let id, let label):
      "\(list), line \(line) and on: a crop of \(id) chooses \(label), which its mask does not show: the mask "
        + "has changed, "
        + "or belongs to another dataset; make the crops again with dnet data propose"
    case .farOutside(let list, let id, let box, let width, let height):
      "\(list): the box \(box) of \(id) is more than four times as wide or high as the image (\(width) x \(height)): "
        + "correct its line, or \(again)"
    case .maskChanged(let id):
      "the mask of \(id) has changed while its crops were made: start again when nothing writes to the dataset"
    case .tooMany(let crops, let images):
      "\(crops) crops of \(images) images are more than a list can hold (4294967295): lower the number of crops "
        + "per combination "
        + "(--per-combination, data.cropsPerCombination), or take images with very many labels out of the list"
    }
  }
}
