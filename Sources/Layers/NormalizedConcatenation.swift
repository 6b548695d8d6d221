// The entrance of the bridging layers: two maps of one shape, each with its own batch normalization, one behind the
// other (paper section 4.3; docs/reference.md section 2).
import Compute
import Kernels

package struct NormalizedConcatenationSpec: LayerSpec {
  package let name: String
  /// The shape of either input.
  package let input: ActivationShape
  package let output: ActivationShape
  let section: String
  let normalizations: [BatchNormalizationSpec]

  package var parameters: [ParameterSpec] {
    normalizations.flatMap { $0.parameters(layer: $0.name, section: section) }
  }

  package var statistics: [ParameterSpec] {
    normalizations.flatMap { $0.statistics(layer: $0.name, section: section) }
  }

  package func makeLayer(_ resources: LayerResources) -> any Layer { NormalizedConcatenationLayer(self, resources) }

  package func fold(_ folding: BatchNormalizationFolding, next: (any LayerSpec)?) {
    guard let next else { preconditionFailure("no layer follows \(name)") }
    folding.foldInputs(of: next.name, normalizations)
  }
}

extension LayerList {
  /// Appends the concatenation of the list's inputs, all of the current shape, in the order of the names of their
  /// normalizations. It is the first layer of its list, and its inputs come from networks that are not trained with the
  /// list: the backward pass ends here.
  package mutating func normalizedConcatenation(
    _ name: String, normalizations: [String], style: BatchNormalizationStyle
  ) {
    precondition(specs.isEmpty, "\(fullName(name)) gives its inputs no gradient, so no layer may precede it")
    append(
      NormalizedConcatenationSpec(
        name: fullName(name), input: shape,
        output: ActivationShape(
          .maps, channels: normalizations.count * shape.channels, height: shape.height, width: shape.width),
        section: section,
        normalizations: normalizations.map {
          BatchNormalizationSpec(name: fullName($0), channels: shape.channels, style: style)
        }))
  }
}

package final class NormalizedConcatenationLayer: Layer {
  private let name: String
  private let context: ExecutionContext
  private let images: Int
  private let inputs: [FeatureMaps]
  private let normalizations: [BatchNormalizationLayer]
  private let own: [LayerParameters]
  private let isTrained: Bool
  /// The normalized inputs; their gradients in the backward pass.
  private let normalized: [FeatureMaps]
  /// (N, sum of C/16, H, W, 16)
  private let concatenated: FeatureMaps

  package var output: Activation { .maps(concatenated) }

  init(_ spec: NormalizedConcatenationSpec, _ resources: LayerResources) {
    precondition(
      resources.inputs.count == spec.normalizations.count,
      "\(spec.name) has \(resources.inputs.count) inputs for \(spec.normalizations.count) normalizations")
    name = spec.name
    context = resources.context
    images = resources.images
    inputs = resources.inputs.map(\.maps)
    isTrained = resources.isTrained
    own = spec.normalizations.map { resources.parameters.table.layer($0.name) }
    normalizations = spec.normalizations.map {
      BatchNormalizationLayer($0, shape: spec.input, rectified: false, resources)
    }
    func maps(_ shape: ActivationShape) -> FeatureMaps {
      FeatureMaps(images: resources.images, channels: shape.channels, height: shape.height, width: shape.width)
    }
    normalized = inputs.map { _ in maps(spec.input) }
    concatenated = maps(spec.output)
  }

  /// Floats of one image of one input.
  private var blockFloats: Int { normalized[0].count / images }

  package func forward(_ pass: ForwardPass) {
    if isTrained { own.forEach(context.need) }
    for index in inputs.indices { normalizations[index].forward(inputs[index], into: normalized[index]) }
    context.stage(name, .reordering, .forward)
    context.run(inputs.count * images) { task in
      let part = normalized[task % inputs.count].data + task / inputs.count * blockFloats
      (concatenated.data + task * blockFloats).update(from: part, count: blockFloats)
    }
  }

  /// Writes the gradients of the normalizations' parameters. The inputs get none.
  package func backward(_ pass: BackwardPass) {
    let gradient = pass.requiredGradient
    context.stage(name, .reordering, .backward)
    context.run(inputs.count * images) { task in
      let part = normalized[task % inputs.count].data + task / inputs.count * blockFloats
      part.update(from: gradient.data + task * blockFloats, count: blockFloats)
    }
    for index in inputs.indices {
      normalizations[index].backward(
        inputs[index], gradient: normalized[index], parameterGradient: pass.parameterGradient)
      context.gradientIsComplete(of: own[index])
    }
    pass.gradient = nil
  }

  package func copyStatistics(into vector: ParameterVector) {
    for normalization in normalizations { normalization.copyStatistics(into: vector) }
  }
}
