// Loading of stored tensors into a network's parameters: all of them from a checkpoint, any subset as initial weights.
import Compute

extension StoredTensors {
  /// Overwrites all parameters of `vector`, or none if anything does not fit.
  ///
  /// - Parameter othersAllowed: whether the file may hold further tensors, such as those of another part of the model.
  package func fill(_ vector: ParameterVector, othersAllowed: Bool = false) throws {
    try header.requireAll(of: vector.table, othersAllowed: othersAllowed)
    for index in vector.table.parameters.indices { copy(to: vector, index) }
  }

  /// Overwrites the parameters that the file has. A parameter with another shape is refused, and so is a file with none
  /// of the parameters.
  ///
  /// - Returns: the names of the parameters that were set and of those left unchanged, in the order of the tables.
  package func setInitialWeights(of vectors: [ParameterVector]) throws -> (set: [String], left: [String]) {
    var set: [String] = []
    var left: [String] = []
    for parameter in vectors.flatMap(\.table.parameters) {
      try header.requireFit(parameter)
      if entry(parameter.name) == nil { left.append(parameter.name) } else { set.append(parameter.name) }
    }
    guard !set.isEmpty else {
      throw CheckpointError.anotherNetwork(
        path: path,
        "none of its \(entries.count) tensors (\(entries.prefix(3).map(\.name).joined(separator: ", "))...) "
          + "is a parameter of the network (\(left.prefix(3).joined(separator: ", "))...): "
          + "convert it with dnet model import"
      )
    }
    for vector in vectors {
      for (index, parameter) in vector.table.parameters.enumerated() where entry(parameter.name) != nil {
        copy(to: vector, index)
      }
    }
    return (set, left)
  }

  private func copy(to vector: ParameterVector, _ index: Int) {
    withExtendedLifetime((self, vector)) {
      UnsafeMutableRawBufferPointer(vector[index]).copyMemory(from: bytes(vector.table.parameters[index].name)!)
    }
  }
}

extension TensorHeader {
  /// Throws unless the file has all parameters of a table.
  ///
  /// - Parameter othersAllowed: whether the file may hold further tensors, such as those of another part of the model.
  package func requireAll(of table: ParameterTable, othersAllowed: Bool) throws {
    for parameter in table.parameters {
      try requireFit(parameter)
      if entry(parameter.name) == nil {
        throw CheckpointError.anotherNetwork(
          path: path,
          "it has no tensor \(parameter.name), which the network has in shape \(shape(parameter.shape)). \(Self.advice)"
        )
      }
    }
    if !othersAllowed, let other = entries.first(where: { table.index(of: $0.name) == nil }) {
      throw CheckpointError.anotherNetwork(
        path: path, "its tensor \(other.name) of shape \(shape(other.shape)) is not in the network. \(Self.advice)")
    }
  }

  private static let advice =
    "Set network.width, network.inputSize and network.classes as in the configuration it was trained with "
    + "(its manifest.json has it), or name another file"

  /// Throws if the file has the parameter with another shape or type.
  func requireFit(_ parameter: ParameterSpec) throws {
    guard let entry = entry(parameter.name) else { return }
    guard entry.element == .float32 else {
      throw CheckpointError.tensor(path: path, name: entry.name, "dtype \(entry.element.rawValue) where F32 is needed")
    }
    guard entry.shape == parameter.shape else {
      throw CheckpointError.anotherNetwork(
        path: path,
        "its tensor \(entry.name) has shape \(shape(entry.shape)), the network's has \(shape(parameter.shape)). "
          + Self.advice
      )
    }
  }

  private func shape(_ shape: [Int]) -> String { WeightsDigest.shapeText(shape) }
}
