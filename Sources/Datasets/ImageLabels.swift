// Which classes an image shows: from its mask where it has one, else from lists, which cost no pixel: the list that
// `dnet data prepare` writes, or VOC's own, one a class.
import Foundation
import Images
import Compute
import Support

/// One image's labels: element c - 1 is true where class c (1...K) occurs.
package typealias LabelVector = [Bool]

extension VOCDirectory {
  /// Labels of every image, in order. Background and 255 are no classes.
  ///
  /// From the mask; without one, from ImageSets/image_labels.txt (an id and the names of its classes a line); without a
  /// line there, from ImageSets/Main/CLASS_{trainval,train,val}.txt, where 1 counts as present and -1 and 0 (only objects
  /// that VOC calls difficult) do not. Throws `noLabels` where both are missing, and the error of
  /// the first image, in list order, that has one.
  package func imageLabels(_ images: [ListedImage], workers: WorkerPool) throws -> [LabelVector] {
    let masks = images.map(maskPath)
    let listed = masks.contains(nil) ? listedLabels() : [:]
    var results = [Result<LabelVector, any Error>?](repeating: nil, count: images.count)
    results.withUnsafeMutableBufferPointer { results in
      workers.run(images.count) { task, _ in
        results[task] = Result { try labels(images[task], mask: masks[task], listed: listed) }
      }
    }
    return try results.map { try $0!.get() }
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

  /// The classes that occur in a mask.
  package func labels(of mask: IndexImage) -> LabelVector {
    let counts = mask.counts
    return (1...classes).map { counts[$0] > 0 }
  }

  /// Labels that need no mask, by id.
  package func listedLabels() -> [String: LabelVector] { classLists().merging(labelList()) { $1 } }

  /// What the lists of ImageSets/Main say, by id. An id counts where at least one of the K classes lists it.
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

  /// Where the labels of images without masks are listed, under the root.
  package static let labelList = "ImageSets/image_labels.txt"

  /// What that list says, by id; names that are none of the K classes are passed over.
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
