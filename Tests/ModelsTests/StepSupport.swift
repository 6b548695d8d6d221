// Batches from arrays, and whole steps with their gradients.
import Batches
import Compute
import Layers
import Models

extension ShardBatch {
  /// - Parameter masks: zeros where there are none.
  convenience init(planes: [Float], labels: [Float], masks: [UInt8]? = nil, examples: Int, size: Int) {
    self.init(examples: examples, size: size, classes: labels.count / examples)
    precondition(planes.count == self.planes.count && masks?.count ?? maskCount == maskCount)
    _ = self.planes.buffer.update(fromContentsOf: planes)
    _ = self.labels.buffer.update(fromContentsOf: labels)
    if let masks { self.masks.update(from: masks, count: maskCount) }
  }
}

extension TrainingStep {
  /// Runs the step from the frozen part to the gradient.
  func run(
    _ batch: ShardBatch, key: DropoutKey = DropoutKey(seed: 1, iteration: 0, firstSlot: 0), gradient: WholeGradient
  ) -> ShardResult {
    frozenForward(batch)
    let result = forward(batch, key: key)
    backward(batch, gradient: gradient.shard)
    return result
  }

  /// Memory for the gradient of a shard.
  func wholeGradient(images: Int) -> WholeGradient {
    WholeGradient(parameters.table, rows: parameters.table.factorRows(images: images))
  }
}
