// The parameters that belong to one layer.

/// The parameters of one layer in a table, for the reduction and the optimizer.
package struct LayerParameters: Sendable, Equatable {
  package let name: String
  /// Positions in the table.
  package let indices: [Int]

  package init(name: String, indices: [Int]) {
    self.name = name
    self.indices = indices
  }
}
