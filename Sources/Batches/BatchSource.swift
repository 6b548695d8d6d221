// The two kinds of minibatch: whole pictures with their labels for phase one, crops of label combinations with binary
// masks for phase two. Slot by slot a function of seed, phase, iteration and slot.
import Datasets
import Images
import Proposals
import Randomness

/// Fills any slot of any minibatch.
package protocol BatchSource: Sendable {
  /// Examples before the walk over the data starts anew.
  var examplesPerRound: Int { get }

  /// Writes example `index` of the shard: the one in `slot` of the minibatch of `iteration`.
  func fill(_ batch: ShardBatch, example index: Int, iteration: Int, slot: Int) throws
}

/// What both kinds share.
package struct BatchPlan: Sendable {
  package let seed: UInt64
  package let phase: UInt64
  /// Examples of one minibatch: shards * shardSize.
  package let minibatch: Int
  package let inputSize: Int
  package let classes: Int

  package init(seed: UInt64, phase: UInt64, minibatch: Int, inputSize: Int, classes: Int) {
    (self.seed, self.phase, self.minibatch) = (seed, phase, minibatch)
    (self.inputSize, self.classes) = (inputSize, classes)
  }

  /// The stream of one example's random choices.
  func random(iteration: Int, slot: Int) -> CounterRandom {
    CounterRandom(seed: seed, SamplingPurpose.augmentation, phase, UInt64(iteration), UInt64(slot))
  }
}

/// Phase one: the whole picture, resized, cut and mirrored at random; its image-level labels.
package final class WeakBatches: BatchSource {
  private let plan: BatchPlan
  private let cache: ImageCache
  private let labels: [LabelVector]
  private let walk: SamplingPlan
  private let augmentation: Augmentation

  package init(_ plan: BatchPlan, _ directory: VOCDirectory, images: [ListedImage], labels: [LabelVector], cacheBytes: Int) {
    self.plan = plan
    self.labels = labels
    cache = ImageCache(directory, images: images, withMasks: false, budget: cacheBytes)
    walk = SamplingPlan(count: images.count, seed: plan.seed, phase: plan.phase)
    augmentation = Augmentation(inputSize: plan.inputSize)
  }

  package var examplesPerRound: Int { labels.count }

  package func fill(_ batch: ShardBatch, example index: Int, iteration: Int, slot: Int) throws {
    let item = walk.item(at: iteration * plan.minibatch + slot)
    let photograph = try cache.example(item).photograph
    var random = plan.random(iteration: iteration, slot: slot)
    augmentation.planes(
      of: photograph, box: Box(width: photograph.width, height: photograph.height), choice: augmentation.draw(&random),
      into: batch.planes.pointer + index * 3 * plan.inputSize * plan.inputSize)
    for label in 0..<plan.classes {
      batch.labels.pointer[index * plan.classes + label] = labels[item][label] ? 1 : 0
    }
  }
}

/// Phase two: a random crop around the foreground of one label combination, and its binary mask. Classes are not counted
/// again after the cut: a chosen class may have left it, its seed is still set (reference-facts section 1).
package final class StrongBatches: BatchSource {
  private let plan: BatchPlan
  private let cache: ImageCache
  private let walk: SamplingPlan
  private let augmentation: Augmentation
  /// Every image with every combination of its labels.
  package let tasks: [(image: Int, combination: LabelCombination)]

  package init(_ plan: BatchPlan, _ directory: VOCDirectory, images: [ListedImage], labels: [LabelVector], cacheBytes: Int) {
    self.plan = plan
    cache = ImageCache(directory, images: images, withMasks: true, budget: cacheBytes)
    tasks = labels.enumerated().flatMap { image, labels in
      LabelCombination.all(of: labels).map { (image, $0) }
    }
    walk = SamplingPlan(count: max(tasks.count, 1), seed: plan.seed, phase: plan.phase)
    augmentation = Augmentation(inputSize: plan.inputSize)
  }

  package var examplesPerRound: Int { tasks.count }

  package func fill(_ batch: ShardBatch, example index: Int, iteration: Int, slot: Int) throws {
    let (image, combination) = tasks[walk.item(at: iteration * plan.minibatch + slot)]
    let example = try cache.example(image)
    guard let mask = example.mask else { preconditionFailure("strong examples are loaded with their masks") }
    var random = plan.random(iteration: iteration, slot: slot)
    // The labels came from this mask, so the combination has a pixel in it.
    let foreground = combination.foreground(of: mask) ?? Box(width: mask.width, height: mask.height)
    let box = RandomCrop.box(enclosing: foreground, width: mask.width, height: mask.height, random: &random)
    let choice = augmentation.draw(&random)
    let area = plan.inputSize * plan.inputSize
    augmentation.planes(of: example.photograph, box: box, choice: choice, into: batch.planes.pointer + index * 3 * area)
    augmentation.mask(
      of: mask, box: box, choice: choice, table: combination.binaryLabels, into: batch.masks + index * area)
    for label in 0..<plan.classes {
      batch.labels.pointer[index * plan.classes + label] = combination.contains(UInt8(label + 1)) ? 1 : 0
    }
  }
}
