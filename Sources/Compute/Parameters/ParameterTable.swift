// The layout of named parameters in one flat vector. The optimizer updates ranges of this vector, the reduction
// cuts it into slices, and checkpoints write it tensor by tensor. Gradients and momentum use the same layout.
import Kernels

/// The order and place of named parameters in a flat vector. Each starts at a multiple of 16 floats; gaps stay zero.
/// Parameters with factored gradients lie behind all others, so that stored gradients are the vector's beginning.
package struct ParameterTable: Sendable {
  package let parameters: [ParameterSpec]
  /// The first float of each parameter in the vector.
  package let offsets: [Int]
  /// The number of floats in the whole vector, including gaps.
  package let vectorCount: Int
  /// The number of floats before the first parameter with a factored gradient: the size of a shard's stored gradient.
  package let storedCount: Int
  private let indices: [String: Int]

  package init(_ parameters: [ParameterSpec]) {
    self.parameters = parameters
    var offsets = Array(repeating: 0, count: parameters.count)
    var end = 0
    func place(_ form: GradientForm) {
      for (index, parameter) in parameters.enumerated() where parameter.gradient == form {
        offsets[index] = end
        end += (parameter.count + 15) & ~15
      }
    }
    place(.stored)
    storedCount = end
    place(.factored)
    self.offsets = offsets
    vectorCount = end
    indices = Dictionary(uniqueKeysWithValues: zip(parameters.map(\.name), parameters.indices))
  }

  /// The number of trained scalars, without gaps.
  package var scalarCount: Int { parameters.reduce(0) { $0 + $1.count } }

  package func index(of name: String) -> Int? { indices[name] }

  /// The parameters of one layer, in the table's order.
  package func layer(_ name: String) -> LayerParameters {
    LayerParameters(name: name, indices: parameters.indices.filter { parameters[$0].layer == name })
  }

  /// All layers, in the order of the forward pass.
  package var layers: [LayerParameters] {
    var names: [String] = []
    for parameter in parameters where names.last != parameter.layer { names.append(parameter.layer) }
    return names.map(layer)
  }

  /// The rows of one shard's gradient factors: one for each image and position, or 0 without factored gradients.
  package func factorRows(images: Int) -> Int {
    let rows = Set(parameters.compactMap { $0.factors?.rowsPerImage })
    precondition(rows.count <= 1, "the factored layers of one table must have equally many rows, not \(rows.sorted())")
    return images * (rows.first ?? 0)
  }

  /// The unfoldings of a shard's maps into a factor of a weight gradient, by the parameter's name.
  package func factorUnfoldings(images: Int) -> [String: Im2Col] {
    parameters.reduce(into: [:]) { unfoldings, parameter in
      if let shape = parameter.factors?.unfolding { unfoldings[parameter.name] = shape.im2col(images: images) }
    }
  }

  /// The first float of a parameter that must be in the table.
  package func offset(of name: String) -> Int {
    guard let index = indices[name] else { preconditionFailure("no parameter is called \(name)") }
    return offsets[index]
  }
}

/// A table with the values of its parameters in one flat vector.
package struct ParameterVector: Sendable {
  package let table: ParameterTable
  package let memory: AlignedMemory

  package init(_ table: ParameterTable, for use: MemoryUse = .weights) {
    self.table = table
    memory = AlignedMemory(floats: table.vectorCount, for: use)
  }

  package var pointer: UnsafeMutablePointer<Float> { memory.pointer }

  /// The floats of one parameter, in its plain order.
  package subscript(name: String) -> UnsafeMutableBufferPointer<Float> {
    guard let index = table.index(of: name) else { preconditionFailure("no parameter is called \(name)") }
    return self[index]
  }

  package subscript(index: Int) -> UnsafeMutableBufferPointer<Float> {
    UnsafeMutableBufferPointer(start: pointer + table.offsets[index], count: table.parameters[index].count)
  }
}

extension ParameterVector {
  /// Every parameter as a named tensor, in the table's order.
  package var namedTensors: [NamedTensor] {
    table.parameters.indices.map {
      NamedTensor(
        name: table.parameters[$0].name, shape: table.parameters[$0].shape, values: .init(self[$0]), owner: memory)
    }
  }
}
