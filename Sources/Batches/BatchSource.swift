// The protocol of the sources of training examples. An example is a function of seed, phase, iteration and slot.
// `ImageLabelBatches` and `MaskCropBatches` are the sources.

/// A source that can fill any slot of any minibatch.
package protocol BatchSource: Sendable {
  /// The number of examples in one round over the data.
  var examplesPerRound: Int { get }

  /// Writes the example in `slot` of the minibatch of `iteration` to place `index` of the shard.
  func fill(_ batch: ShardBatch, example index: Int, iteration: Int, slot: Int) throws

  /// Describes the example in a slot: the id of the image, and in the segmentation phase the labels of the combination.
  func identity(iteration: Int, slot: Int) -> String
}
