// The inventory of the source folders: photographs, VOC's masks and lists, SBD's masks and lists, and masks merged by
// another tool. The ids of the training and the validation list follow from it.
import Datasets
import Foundation
import Images

package struct PreparationSources: Sendable {
  /// The folder VOC2012.
  package let root: String
  /// The folder of SBD that contains cls; nil without SBD.
  package let sbd: String?
  package let photographs: Set<String>
  /// The ids of VOC's own masks, of SBD's, and of those in an existing SegmentationClassAug.
  package let ownMasks, sbdMasks, mergedMasks: Set<String>
  package let annotations: Set<String>
  /// The ids in VOC's lists train and val.
  package let train, validation: [String]
  /// The ids in SBD's lists, or of all its masks where it has no lists.
  package let sbdImages: Set<String>
  /// An existing list train_aug or trainaug.
  package let mergedList: (path: String, ids: [String])?

  /// Scans the folders. Throws `noDirectory`, `noSBD` and the errors of reading the lists.
  package init(root: String, sbd: String?) throws {
    let root = root.hasSuffix("/") && root.count > 1 ? String(root.dropLast()) : root
    _ = try VOCDirectory(root: root)
    self.root = root
    let lists = "\(root)/ImageSets/Segmentation"
    func names(_ folder: String, _ ending: String) -> Set<String> {
      let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
      return Set(names.filter { $0.hasSuffix(ending) }.map { String($0.dropLast(ending.count)) })
    }
    photographs = names("\(root)/JPEGImages", ".jpg")
    ownMasks = names("\(root)/SegmentationClass", ".png")
    mergedMasks = names("\(root)/SegmentationClassAug", ".png")
    annotations = names("\(root)/Annotations", ".xml")
    train = try ImageList.read("\(lists)/train.txt").map(\.id)
    validation = try ImageList.read("\(lists)/val.txt").map(\.id)
    let merged = ["train_aug.txt", "trainaug.txt"].map { "\(lists)/\($0)" }.first(where: Self.exists)
    mergedList = try merged.map { ($0, try ImageList.read($0).map(\.id)) }
    guard let sbd else {
      self.sbd = nil
      sbdMasks = []
      sbdImages = []
      return
    }
    guard let folder = [sbd, "\(sbd)/dataset"].first(where: { Self.exists("\($0)/cls") }) else {
      throw PreparationError.noSBD(path: sbd)
    }
    self.sbd = folder
    sbdMasks = names("\(folder)/cls", ".mat")
    let sbdLists = ["train.txt", "val.txt"].map { "\(folder)/\($0)" }.filter(Self.exists)
    sbdImages = sbdLists.isEmpty ? sbdMasks : Set(try sbdLists.flatMap { try ImageList.read($0).map(\.id) })
  }

  private static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// The origin of a mask. VOC's own has precedence over SBD's: it marks the borders of objects with 255, so that
  /// ambiguous pixels are not trained, and the augmented set of the literature is made the same way. A merged folder
  /// comes last, and is compared with the other two where they have the mask.
  package enum Origin: String, Sendable { case own, sbd, merged }

  package func origin(_ id: String) -> Origin? {
    ownMasks.contains(id) ? .own : sbdMasks.contains(id) ? .sbd : mergedMasks.contains(id) ? .merged : nil
  }

  package func path(_ id: String, _ origin: Origin) -> String {
    switch origin {
    case .own: "\(root)/SegmentationClass/\(id).png"
    case .sbd: "\(sbd!)/cls/\(id).mat"
    case .merged: "\(root)/SegmentationClassAug/\(id).png"
    }
  }

  /// The ids of VOC's train, all of SBD, and the merged list (or the merged masks where there is no list), without
  /// VOC's val. They have the order of the merged list where that names exactly these, and are sorted otherwise.
  package var augmentedTraining: [String] {
    var ids = Set(train).union(sbdImages).union(mergedList.map { Set($0.ids) } ?? mergedMasks)
    ids.subtract(validation)
    if let listed = mergedList?.ids, listed.count == ids.count, Set(listed) == ids { return listed }
    return ids.sorted()
  }

  /// A summary of the sources, one line each.
  package var lines: [String] {
    var lines = [
      "\(root): \(photographs.count) photographs, \(ownMasks.count) masks of VOC's own, lists train "
        + "(\(train.count)) and val "
        + "(\(validation.count)), \(annotations.count) annotations"
    ]
    if !mergedMasks.isEmpty || mergedList != nil {
      let list = mergedList.map { "\($0.path.split(separator: "/").last!) (\($0.ids.count))" } ?? "no list"
      lines.append("SegmentationClassAug: \(mergedMasks.count) masks, \(list)")
    }
    if let sbd { lines.append("\(sbd): \(sbdMasks.count) masks, lists of \(sbdImages.count) images") }
    return lines
  }
}
