// The classes that an image shows, from its mask where it has one. Otherwise they come from label lists, without
// decoding an image: the list that `dnet data prepare` writes, or VOC's own lists, one per class.
import Compute
import Foundation
import Images
import Support

/// The labels of one image: element c - 1 is true where class c (1...K) occurs.
package typealias LabelVector = [Bool]

extension VOCDirectory {
  /// Returns the labels of every image, in order. Background and 255 are not classes.
  ///
  /// Labels come from the mask; without one, from ImageSets/image_labels.txt (an id and its class names on each line);
  /// without a line there, from ImageSets/Main/CLASS_{trainval,train,val}.txt, where 1 counts as present, and -1 and 0
  /// (only objects that VOC calls difficult) do not. Throws `noLabels` where all are missing, and otherwise the error
  /// of the first image in list order that has one.
  package func imageLabels(_ images: [ListedImage], workers: WorkerPool) throws -> [LabelVector] {
    let masks = images.map(maskPath)
    let listed = masks.contains(nil) ? listedLabels() : [:]
    return try workers.map(Array(images.indices)) { try labels(images[$0], mask: masks[$0], listed: listed) }
  }

  package func imageLabels(ids: [String], workers: WorkerPool) throws -> [LabelVector] {
    try imageLabels(ids.map { ListedImage(id: $0) }, workers: workers)
  }

  private func labels(
    _ image: ListedImage, mask: String?, listed: [String: LabelVector]
  ) throws -> LabelVector {
    if mask != nil { return labels(of: try loadMask(image)) }
    guard let labels = listed[image.id] else { throw DatasetError.noLabels(id: image.id) }
    return labels
  }

  /// Returns the classes that occur in a mask.
  package func labels(of mask: IndexImage) -> LabelVector {
    let counts = mask.counts
    return (1...classes).map { counts[$0] > 0 }
  }

  /// Returns the labels of all images in label lists, by id.
  package func listedLabels() -> [String: LabelVector] { classLists().merging(labelList()) { $1 } }

  /// Reads the lists of ImageSets/Main, by id. An id is included where the list of at least one of the K classes names
  /// it.
  private func classLists() -> [String: LabelVector] {
    var labels: [String: LabelVector] = [:]
    for (index, name) in classNames.enumerated().dropFirst() {
      for split in ["trainval", "train", "val"] {
        guard let bytes = try? FileBytes.read("\(root)/ImageSets/Main/\(name)_\(split).txt") else { continue }
        for line in String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline) {
          let fields = line.split(whereSeparator: \.isWhitespace)
          guard fields.count == 2, let value = Int(fields[1]) else { continue }
          labels[String(fields[0]), default: LabelVector(repeating: false, count: classes)][index - 1] = value > 0
        }
      }
    }
    return labels
  }

  /// The label list of `dnet data prepare`, relative to the root.
  package static let labelList = "ImageSets/image_labels.txt"

  /// Reads that list, by id. Names other than those of the K classes are skipped.
  private func labelList() -> [String: LabelVector] {
    guard let bytes = try? FileBytes.read("\(root)/\(Self.labelList)") else { return [:] }
    let indices = Dictionary(uniqueKeysWithValues: classNames.enumerated().dropFirst().map { ($1, $0) })
    var labels: [String: LabelVector] = [:]
    for line in String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline) where !line.hasPrefix("#") {
      let fields = line.split(whereSeparator: \.isWhitespace).map(String.init)
      guard let id = fields.first else { continue }
      var vector = LabelVector(repeating: false, count: classes)
      for index in fields.dropFirst().compactMap({ indices[$0] }) { vector[index - 1] = true }
      labels[id] = vector
    }
    return labels
  }
}
