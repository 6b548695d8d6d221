// What lies where: photographs, VOC's masks and lists, SBD's masks and lists, masks that somebody has merged already.
// And from that, the two lists of ids.
import Datasets
import Foundation
import Images

package struct PreparationSources: Sendable {
  /// VOC2012's folder.
  package let root: String
  /// SBD's folder with cls; nil without SBD.
  package let sbd: String?
  package let photographs: Set<String>
  /// VOC's own masks, SBD's, and those of a SegmentationClassAug that was there before, by id.
  package let ownMasks, sbdMasks, mergedMasks: Set<String>
  package let annotations: Set<String>
  /// Ids of VOC's lists train and val.
  package let train, validation: [String]
  /// Ids of SBD's lists; all its masks where it has no lists.
  package let sbdImages: Set<String>
  /// The list train_aug or trainaug that was there before.
  package let mergedList: (path: String, ids: [String])?

  /// Looks through the folders. Throws `noDirectory`, `noSBD`, and what reading the lists does.
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
      (self.sbd, sbdMasks, sbdImages) = (nil, [], [])
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

  /// Where an image's mask comes from. VOC's own wins over SBD's: it has 255 on the borders of objects, so pixels that
  /// nobody can decide do not train, and the augmented set of the literature is made the same way. A merged folder comes
  /// last: it is checked against the other two where they have the mask.
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

  /// VOC's train, all of SBD, and what a merged list names (without such a list, what merged masks there are), without
  /// VOC's val. In the merged list's order where it names just these, else by id.
  package var augmentedTraining: [String] {
    var ids = Set(train).union(sbdImages).union(mergedList.map { Set($0.ids) } ?? mergedMasks)
    ids.subtract(validation)
    if let listed = mergedList?.ids, listed.count == ids.count, Set(listed) == ids { return listed }
    return ids.sorted()
  }

  /// What was found, a line each.
  package var lines: [String] {
    var lines = [
      "\(root): \(photographs.count) photographs, \(ownMasks.count) masks of VOC's own, lists train (\(train.count)) and val "
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
