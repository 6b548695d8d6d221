// A small synthetic dataset in a temporary folder, and shards as arrays.
import Batches
import Compute
import Datasets
import Foundation
import Images

/// A folder with a few synthetic images of five classes, which the test removes at its end.
struct DrawnSet {
  static let classes = 5
  let path: String
  let directory: VOCDirectory
  let images: [ListedImage]
  let labels: [LabelVector]

  init(images count: Int = 12) throws {
    path = NSTemporaryDirectory() + "dnet-batches-\(UUID().uuidString)"
    let workers = WorkerPool(threads: 1)
    try SyntheticSet.write(
      to: path, images: count, classes: Self.classes, seed: 6, size: 40...56, workers: workers)
    directory = try VOCDirectory(root: path, classes: Self.classes)
    images = try directory.images(list: "ImageSets/Segmentation/trainval.txt")
    labels = try directory.imageLabels(images, workers: workers)
  }

  func remove() { try? FileManager.default.removeItem(atPath: path) }
}

/// The values of one example of a shard.
struct ExampleValues: Hashable {
  let planes: [Float]
  let labels: [Float]
  let mask: [UInt8]

  init(_ batch: ShardBatch, _ example: Int) {
    let area = batch.size * batch.size
    planes = Array(batch.planes.buffer[example * 3 * area..<(example + 1) * 3 * area])
    labels = Array(batch.labels.buffer[example * batch.classes..<(example + 1) * batch.classes])
    mask = Array(UnsafeBufferPointer(start: batch.masks + example * area, count: area))
  }
}

extension BatchSource {
  /// Returns the values of one slot, filled alone.
  func values(iteration: Int, slot: Int, size: Int = 32, classes: Int = DrawnSet.classes) throws -> ExampleValues {
    let batch = ShardBatch(examples: 1, size: size, classes: classes)
    try fill(batch, example: 0, iteration: iteration, slot: slot)
    return ExampleValues(batch, 0)
  }
}
