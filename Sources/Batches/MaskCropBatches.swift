// Crops around the foreground of label combinations, with binary masks.
import Datasets
import Images
import Proposals
import Randomness

/// The source of the segmentation phase: a crop around the foreground of one label combination, with its binary mask.
/// The labels stay those of the combination even where the crop misses one of its classes (docs/reference.md section
/// 1).
package final class MaskCropBatches: BatchSource {
  /// The origin of the crops.
  package enum Crops: Sendable {
    /// A random box for every slot. A round goes over all combinations of all images.
    case random
    /// A list of crops. A round goes over its records, whose `image` is a position in the masked images.
    case listed([CropRecord], name: String)
  }

  private let plan: BatchPlan
  private let cache: ImageCache
  private let images: [ListedImage]
  private let walk: SamplingPlan
  private let augmentation: Augmentation
  private let crops: Crops
  /// Every image with every combination of its labels, or nothing where crops are listed.
  package let tasks: [(image: Int, combination: LabelCombination)]

  package init(
    _ plan: BatchPlan, _ store: any ImageStore, images: [ListedImage], labels: [LabelVector], crops: Crops = .random,
    cacheBytes: Int
  ) {
    self.plan = plan
    self.images = images
    self.crops = crops
    cache = ImageCache(store, images: images, withMasks: true, budget: cacheBytes)
    let count: Int
    switch crops {
    case .random:
      tasks = labels.enumerated().flatMap { image, labels in
        LabelCombination.all(of: labels).map { (image, $0) }
      }
      count = tasks.count
    case .listed(let records, _):
      tasks = []
      count = records.count
    }
    walk = SamplingPlan(count: max(count, 1), seed: plan.seed, phase: plan.phase)
    examplesPerRound = count
    augmentation = Augmentation(inputSize: plan.inputSize)
  }

  package let examplesPerRound: Int

  package func fill(_ batch: ShardBatch, example index: Int, iteration: Int, slot: Int) throws {
    let item = walk.item(at: iteration * plan.minibatch + slot)
    var random = plan.random(iteration: iteration, slot: slot)
    let (photograph, mask, combination, box) = try crop(item, &random)
    let choice = augmentation.draw(&random)
    let area = plan.inputSize * plan.inputSize
    augmentation.planes(of: photograph, box: box, choice: choice, into: batch.planes.pointer + index * 3 * area)
    augmentation.mask(
      of: mask, box: box, choice: choice, table: combination.binaryLabels, into: batch.masks + index * area)
    for label in 0..<plan.classes {
      batch.labels.pointer[index * plan.classes + label] = combination.contains(UInt8(label + 1)) ? 1 : 0
    }
  }

  package func identity(iteration: Int, slot: Int) -> String {
    let item = walk.item(at: iteration * plan.minibatch + slot)
    let (image, combination, box): (Int, LabelCombination, String) =
      switch crops {
      case .random: (tasks[item].image, tasks[item].combination, "")
      case .listed(let records, _):
        (Int(records[item].image), records[item].combination, " \(Self.corners(records[item].box))")
      }
    let labels = (1...plan.classes).filter { combination.contains(UInt8($0)) }.map(String.init).joined(separator: ",")
    return "\(images[image].id) \(labels)\(box)"
  }

  private static func corners(_ box: Box) -> String { "\(box.x1) \(box.y1) \(box.x2) \(box.y2)" }

  private func crop(
    _ item: Int, _ random: inout CounterRandom
  ) throws -> (photograph: RGBImage, mask: IndexImage, combination: LabelCombination, box: Box) {
    switch crops {
    case .random:
      let (image, combination) = tasks[item]
      let (photograph, mask) = try example(image)
      // The labels come from this mask, so it has pixels of the combination.
      let foreground = combination.foreground(of: mask) ?? Box(width: mask.width, height: mask.height)
      let box = RandomCrop.box(enclosing: foreground, width: mask.width, height: mask.height, random: &random)
      return (photograph, mask, combination, box)
    case .listed(let records, let name):
      let record = records[item]
      let (photograph, mask) = try example(Int(record.image))
      let box = record.box
      // A wrong number in a list must not allocate gigabytes.
      guard box.width <= 4 * mask.width && box.height <= 4 * mask.height else {
        throw CropListError.farOutside(
          list: name, id: images[Int(record.image)].id, box: "\(box.x1) \(box.y1) \(box.x2) \(box.y2)",
          width: mask.width, height: mask.height)
      }
      return (photograph, mask, record.combination, box)
    }
  }

  private func example(_ image: Int) throws -> (photograph: RGBImage, mask: IndexImage) {
    let example = try cache.example(image)
    guard let mask = example.mask else { preconditionFailure("masked examples are loaded with their masks") }
    return (example.photograph, mask)
  }
}
