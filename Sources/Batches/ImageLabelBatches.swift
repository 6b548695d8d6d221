// Whole images with their image-level labels.
import Datasets
import Images
import Proposals
import Randomness

/// The source of the classification phase: the whole image, randomly cropped and mirrored, with its image-level labels.
package final class ImageLabelBatches: BatchSource {
  private let plan: BatchPlan
  private let cache: ImageCache
  private let labels: [LabelVector]
  private let images: [ListedImage]
  private let walk: SamplingPlan
  private let augmentation: Augmentation

  package init(
    _ plan: BatchPlan, _ store: any ImageStore, images: [ListedImage], labels: [LabelVector], cacheBytes: Int
  ) {
    self.plan = plan
    self.labels = labels
    self.images = images
    cache = ImageCache(store, images: images, withMasks: false, budget: cacheBytes)
    walk = SamplingPlan(count: images.count, seed: plan.seed, phase: plan.phase)
    augmentation = Augmentation(inputSize: plan.inputSize)
  }

  package var examplesPerRound: Int { labels.count }

  package func identity(iteration: Int, slot: Int) -> String {
    images[walk.item(at: iteration * plan.minibatch + slot)].id
  }

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
