// What a list of images holds: classes, pixels, and how many label combinations phase two has to learn.
import Images
import Compute

package struct DatasetStatistics: Codable, Equatable, Sendable {
  /// A set of labels and how many images show just that.
  package struct LabelSet: Codable, Equatable, Sendable {
    package let labels: [String]
    package let images: Int
  }

  package let images: Int
  /// Those that have a mask; the pixels are theirs.
  package let masks: Int
  /// Without background, in the order of the classes: element c - 1 belongs to class c.
  package let imagesPerClass: [Int]
  /// Background first.
  package let pixelsPerClass: [Int]
  package let ignoredPixels: Int
  /// Element n: images with n labels.
  package let labelsPerImage: [Int]
  /// All that occur, the most frequent first.
  package let labelSets: [LabelSet]
  /// Non-empty subsets of labels, over all images: the sum of 2^L - 1.
  package let combinations: Int
  /// Background first.
  package let classNames: [String]

  /// Counts of images given as labels and, where there is a mask, the counts of its 256 indices.
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
  /// Statistics of images; photographs are not looked at, so they may be missing. Throws as `imageLabels` does, the
  /// error of the first image in the list's order. `progress` is told how many are done, from the calling thread.
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

extension WorkerPool {
  /// The results of a call for each element, in order; throws the error of the first element that has one.
  package func map<Element: Sendable, Value>(
    _ elements: [Element], _ body: (Element) throws -> Value
  ) throws -> [Value] {
    var results = [Result<Value, any Error>?](repeating: nil, count: elements.count)
    results.withUnsafeMutableBufferPointer { results in
      run(elements.count) { task, _ in results[task] = Result { try body(elements[task]) } }
    }
    return try results.map { try $0!.get() }
  }
}
