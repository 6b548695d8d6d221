// A named tensor, the unit of checkpoints and digests.

/// A read-only view of one named tensor in memory.
package struct NamedTensor {
  package let name: String
  package let shape: [Int]
  package let values: UnsafeBufferPointer<Float>
  /// The owner of the values, which keeps them as long as the tensor. Swift frees an object after its last use, so
  /// where `vector.namedTensors` is the last use of a vector, the tensors would otherwise point to freed memory.
  package let owner: AnyObject?

  package init(name: String, shape: [Int], values: UnsafeBufferPointer<Float>, owner: AnyObject? = nil) {
    precondition(values.count == shape.reduce(1, *), "\(name) has \(values.count) values for shape \(shape)")
    self.owner = owner
    self.name = name
    self.shape = shape
    self.values = values
  }
}
