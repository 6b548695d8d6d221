// The error of writing or reading a pack.

package enum PackError: Error, Equatable, CustomStringConvertible {
  case unreadable(pack: String, reason: String)
  case notAPack(pack: String, start: String)
  case otherVersion(pack: String, version: Int)
  case cutShort(pack: String, bytes: Int, expected: Int)
  case damagedIndex(pack: String)
  /// The index has the right SHA-256, but its contents cannot be right.
  case contradiction(pack: String, what: String)
  /// A photograph or mask whose bytes are not those that were packed.
  case damagedItem(pack: String, item: Int, id: String, what: String)
  /// `first` is the error of the first of `damaged` items.
  case damagedItems(pack: String, damaged: Int, of: Int, first: String)
  case damagedCrops(pack: String)
  case noList(pack: String, list: String, available: [String])
  case noImage(pack: String, id: String)
  case noMask(pack: String, id: String)
  case noLabels(pack: String, id: String)
  case classTooHigh(pack: String, id: String, label: Int, classes: Int)
  case fewerClasses(pack: String, packed: Int, asked: Int)
  case nothingToPack
  case sameName(name: String)

  package var description: String {
    let again = "copy the pack again, or make it again with dnet data pack"
    return switch self {
    case .unreadable(let pack, let reason): "cannot read the pack \(pack): \(reason); check data.pack"
    case .notAPack(let pack, let start):
      "\(pack) is not a pack (it starts with \(start)): name a file that dnet data pack wrote, or unset "
        + "data.pack and set data.root"
    case .otherVersion(let pack, let version):
      "\(pack) is a pack of version \(version), this dnet reads version \(PackFormat.version): make it again "
        + "with dnet data pack"
    case .cutShort(let pack, let bytes, let expected):
      "\(pack) has \(bytes) bytes instead of \(expected): it was cut short; \(again)"
    case .damagedIndex(let pack): "the index of \(pack) does not match its SHA-256: bytes have changed; \(again)"
    case .contradiction(let pack, let what):
      "the index of \(pack) contradicts itself: \(what); make the pack again with dnet data pack"
    case .damagedItem(let pack, let item, let id, let what):
      "\(pack), item \(item) (\(id)): the \(what) does not match its checksum: bytes have changed; \(again)"
    case .damagedItems(let pack, let damaged, let count, let first):
      "\(damaged) of \(count) items of \(pack) are damaged, first: \(first)"
    case .damagedCrops(let pack): "the crop list of \(pack) does not match its checksum: bytes have changed; \(again)"
    case .noList(let pack, let list, let available):
      "\(pack) has no list \(list), it has \(available.joined(separator: ", ")): correct "
        + "data.imageLabelList or data.maskList, or pack that list too (dnet data pack --list \(list))"
    case .noImage(let pack, let id):
      "\(pack) has no image \(id): pack the list that names it (dnet data pack --list ...)"
    case .noMask(let pack, let id):
      "no mask for \(id) in \(pack): it had none when it was packed; run dnet data prepare, then dnet data pack"
    case .noLabels(let pack, let id): "no labels for \(id) in \(pack): \(again)"
    case .classTooHigh(let pack, let id, let label, let classes):
      "\(id) in \(pack) shows class \(label), but there are \(classes) classes: set network.classes to at least "
        + "\(label)"
    case .fewerClasses(let pack, let packed, let asked):
      "\(pack) was made for \(packed) classes, \(asked) are asked for: make it again with dnet data pack "
        + "--classes \(asked)"
    case .nothingToPack: "there is no list to pack: give --config, or --data and --list"
    case .sameName(let name):
      "two images of the lists are called \(name) but have different masks: pack them "
        + "separately"
    }
  }
}
