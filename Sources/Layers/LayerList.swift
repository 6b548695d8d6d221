// A network written down from top to bottom. Each layer's file adds a function that appends the layer to the list and
// infers its shapes from the layer before it, so a network is a sequence of calls: see `Models/VGG16/VGG16.swift`.
import Compute

/// The layers of a network, or of a part of one, in the order of the forward pass.
package struct LayerList: Sendable {
  package private(set) var specs: [any LayerSpec] = []
  /// The first part of the names of the layers that follow. Gradients of two sections travel in different messages.
  package var section: String
  /// The shape of the last layer's output, which is the next layer's input.
  package private(set) var shape: ActivationShape
  private var keptOutputs: Set<String> = []

  package init(section: String, input: ActivationShape) {
    self.section = section
    shape = input
  }

  /// A layer's name in the current section.
  package func fullName(_ name: String) -> String { "\(section).\(name)" }

  /// Appends a layer.
  /// - Parameter keepsOutput: the output is read after later layers have run, so inference must not overwrite it.
  package mutating func append(_ spec: any LayerSpec, keepsOutput: Bool = false) {
    precondition(!specs.contains { $0.name == spec.name }, "two layers are called \(spec.name)")
    specs.append(spec)
    shape = spec.output
    if keepsOutput { keptOutputs.insert(spec.name) }
  }

  package func keepsOutput(_ spec: any LayerSpec) -> Bool { keptOutputs.contains(spec.name) }

  /// True if the output of a layer may lie in the memory of the gradients of maps during training: the backward pass of
  /// the next layer is the only one that reads it, and the first one that writes a gradient of maps.
  func sharesGradientMemory(_ index: Int) -> Bool {
    guard index + 1 < specs.count else { return false }
    let next = specs[index + 1]
    return !specs[index].backwardReadsOutput && next.backwardFreesInput
      && specs[(index + 1)...].allSatisfy { $0.output.layout != .maps }
  }

  /// The parameters of all layers.
  package var parameterTable: ParameterTable { ParameterTable(specs.flatMap(\.parameters)) }

  /// Batch-norm means and variances of all layers; empty without batch normalization.
  package var statisticsTable: ParameterTable { ParameterTable(specs.flatMap(\.statistics)) }

  /// Floats of the largest maps in channel blocks, one image: activations, their gradients, and working maps.
  package var largestMaps: Int {
    let activations = specs.flatMap { [$0.input, $0.output] }.filter { $0.layout == .maps }.map(\.count)
    return (activations + specs.map(\.workingMaps)).max() ?? 0
  }

  /// Multiply-adds of one image's forward pass.
  package var multiplyAdds: Int { specs.reduce(0) { $0 + $1.multiplyAdds } }

  /// Multiply-adds of one image's backward pass.
  package var backwardMultiplyAdds: Int { specs.reduce(0) { $0 + $1.backwardMultiplyAdds } }
}
