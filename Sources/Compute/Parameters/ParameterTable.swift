// The named parameters of a network in one flat vector: what the optimiser updates, the reduction cuts into slices,
// and a checkpoint writes. Gradients and momentum are vectors of the same layout.

/// What a parameter is, which settles its multipliers of rate and decay
/// (docs/reference.md section 3: the authors' prototxt, lr_mult and decay_mult).
package enum ParameterRole: String, Sendable {
  case weight
  case bias
  case batchNormScale
  case batchNormShift
}

/// How a parameter's gradient is held until the minibatch is complete.
package enum GradientForm: Sendable {
  /// As one float for each of its own, added over shards.
  case stored
  /// As the two factors of every shard (`GradientFactors`): for matrices that are large beside a shard's rows.
  case factored
}

/// One named tensor: its shape in the plain order in which it is saved, and how the optimiser treats it.
package struct Parameter: Sendable, Equatable {
  package let name: String
  /// The part of the network that the parameter belongs to. The reduction never puts parameters of two sections into one bucket.
  package let section: String
  /// The layer that the parameter belongs to.
  package let layer: String
  /// Convolutions are out x in x height x width, transposed convolutions in x out x height x width, all others one axis.
  package let shape: [Int]
  package let role: ParameterRole
  package let rateMultiplier: Float
  package let decayMultiplier: Float
  package let gradient: GradientForm

  package init(
    _ name: String, _ shape: [Int], _ role: ParameterRole, rateMultiplier: Float = 1, decayMultiplier: Float = 1,
    gradient: GradientForm = .stored, section: String? = nil, layer: String? = nil
  ) {
    self.name = name
    // Parameters are named SECTION.LAYER.TENSOR.
    let components = name.split(separator: ".", omittingEmptySubsequences: false)
    self.section = section ?? String(components[0])
    self.layer = layer ?? components.prefix(2).joined(separator: ".")
    self.shape = shape
    self.role = role
    self.rateMultiplier = rateMultiplier
    self.decayMultiplier = decayMultiplier
    self.gradient = gradient
  }

  package var count: Int { shape.reduce(1, *) }
}

/// The order and place of named parameters in a flat vector. Each starts at a multiple of 16 floats; gaps stay zero.
/// Those whose gradients are factored lie behind all others, so that a stored gradient is the vector's beginning.
package struct ParameterTable: Sendable {
  package let parameters: [Parameter]
  /// First float of each parameter in the vector.
  package let offsets: [Int]
  /// Floats in the whole vector, gaps included.
  package let vectorCount: Int
  /// Floats before the first parameter whose gradient is factored: all there are in a shard's stored gradient.
  package let storedCount: Int
  private let indices: [String: Int]

  package init(_ parameters: [Parameter]) {
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

  /// Trained scalars, gaps not counted.
  package var scalarCount: Int { parameters.reduce(0) { $0 + $1.count } }

  package func index(of name: String) -> Int? { indices[name] }

  /// First float of a parameter that the network itself declared.
  package func offset(of name: String) -> Int {
    guard let index = indices[name] else { preconditionFailure("no parameter is called \(name)") }
    return offsets[index]
  }
}

/// A table together with values in one flat vector.
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

extension ParameterVector {
  /// Every parameter as a named tensor, in the table's order.
  package var namedTensors: [NamedTensor] {
    table.parameters.indices.map {
      NamedTensor(
        name: table.parameters[$0].name, shape: table.parameters[$0].shape, values: .init(self[$0]), owner: memory)
    }
  }
}
