// Statistics of a list of images: classes, pixels, and the label combinations that the segmentation phase has to learn.
import Compute
import Images

package struct DatasetStatistics: Codable, Equatable, Sendable {
  /// A set of labels and the number of images that show exactly these.
  package struct LabelSet: Codable, Equatable, Sendable {
    package let labels: [String]
    package let images: Int
  }

  package let images: Int
  /// The images that have a mask. Pixels are counted in these.
  package let masks: Int
  /// Element c - 1 belongs to class c; the background is not counted.
  package let imagesPerClass: [Int]
  /// Element 0 is the background.
  package let pixelsPerClass: [Int]
  package let ignoredPixels: Int
  /// Element n is the number of images with n labels.
  package let labelsPerImage: [Int]
  /// All label sets that occur, the most frequent first.
  package let labelSets: [LabelSet]
  /// The number of non-empty subsets of labels over all images: the sum of 2^L - 1.
  package let combinations: Int
  /// Element 0 is the background.
  package let classNames: [String]

  /// Summarizes images given by their labels and, where they have a mask, the pixel counts of its 256 indices.
  package init(_ images: [(labels: LabelVector, counts: [Int]?)], classNames: [String]) {
    let classes = classNames.count - 1
    var imagesPerClass = [Int](repeating: 0, count: classes)
    var pixels = [Int](repeating: 0, count: 256)
    var labelsPerImage: [Int] = []
    var sets: [LabelVector: Int] = [:]
    var (masks, combinations) = (0, 0)
    for (labels, counts) in images {
      for c in 0..<classes where labels[c] { imagesPerClass[c] += 1 }
      let count = labels.count { $0 }
      while labelsPerImage.count <= count { labelsPerImage.append(0) }
      labelsPerImage[count] += 1
      sets[labels, default: 0] += 1
      combinations += 1 << count - 1
      guard let counts else { continue }
      masks += 1
      for (index, count) in counts.enumerated() { pixels[index] += count }
    }
    self.images = images.count
    self.masks = masks
    self.imagesPerClass = imagesPerClass
    pixelsPerClass = Array(pixels[0...classes])
    ignoredPixels = pixels[Int(IndexImage.ignored)]
    self.labelsPerImage = labelsPerImage
    labelSets = sets.map { entry in
      LabelSet(labels: (0..<classes).filter { entry.key[$0] }.map { classNames[$0 + 1] }, images: entry.value)
    }.sorted { ($1.images, $0.labels.joined(separator: " ")) < ($0.images, $1.labels.joined(separator: " ")) }
    self.combinations = combinations
    self.classNames = classNames
  }
}

extension VOCDirectory {
  /// Returns the statistics of images, whose photographs may be missing. Throws as `imageLabels` does: the error of the
  /// first image in list order. `progress` is called on the calling thread with the number of images done.
  package func statistics(
    _ images: [ListedImage], workers: WorkerPool, progress: (_ done: Int) -> Void = { _ in }
  ) throws -> DatasetStatistics {
    let bare = images.filter { maskPath($0) == nil }
    let listed = Dictionary(
      zip(bare.map(\.id), try imageLabels(bare, workers: workers)), uniquingKeysWith: { first, _ in first })
    var facts: [(labels: LabelVector, counts: [Int]?)] = []
    for start in stride(from: 0, to: images.count, by: 256) {
      let some = Array(images[start..<min(start + 256, images.count)])
      facts += try workers.map(some) { image in
        guard maskPath(image) != nil else { return (listed[image.id]!, nil) }
        let mask = try loadMask(image)
        let counts = mask.counts
        return ((1...classes).map { counts[$0] > 0 }, counts)
      }
      progress(facts.count)
    }
    return DatasetStatistics(facts, classNames: classNames)
  }
}
