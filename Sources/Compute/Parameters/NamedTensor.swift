// A named tensor as checkpoints and digests see it.

/// A read-only view of one named tensor, wherever it lives: what checkpoints and digests are made of.
package struct NamedTensor {
  package let name: String
  package let shape: [Int]
  package let values: UnsafeBufferPointer<Float>
  /// Whoever owns the values: they live as long as the tensor. Swift frees an object after its last mention,
  /// so `vector.namedTensors` as a vector's last mention would otherwise point nowhere.
  package let owner: AnyObject?

  package init(name: String, shape: [Int], values: UnsafeBufferPointer<Float>, owner: AnyObject? = nil) {
    precondition(values.count == shape.reduce(1, *), "\(name) has \(values.count) values for shape \(shape)")
    self.owner = owner
    self.name = name
    self.shape = shape
    self.values = values
  }
}
