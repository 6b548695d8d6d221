// The loading and exporting of trained networks from a model file, a checkpoint's directory or a run's directory.
import Checkpoints
import Compute
import Foundation
import Models

package enum ModelError: Error, Equatable, CustomStringConvertible {
  case noNetwork(path: String, found: String?)
  case unknownModel(path: String, model: String)
  case notFound(path: String)
  /// A checkpoint from before the masks are trained, of a model that can score labels.
  case labelsOnly(path: String, phase: String, ended: Bool)
  /// A model that makes no label predictor, where the part that makes masks is not trained.
  case noLabelScores(model: String)

  package var description: String {
    switch self {
    case .noNetwork(let path, let found):
      "\(path) does not say which network its weights belong to (metadata \"network\": \(found ?? "missing")): "
        + "give a model.safetensors.zst or a checkpoint that dnet-train wrote"
    case .unknownModel(let path, let model):
      "\(path) holds weights of the model \(model), and this program contains "
        + "\(ModelRegistry.names.joined(separator: ", ")): use the program that wrote the file"
    case .notFound(let path):
      "there is no model at \(path): give a model.safetensors.zst, a checkpoint's directory or a run's"
    case .labelsOnly(let path, let phase, let ended):
      "\(path) is a checkpoint \(ended ? "from the end of" : "from within") the \(phase) phase: the part of the "
        + "network that makes masks is not trained. dnet evaluate and dnet predict report its labels; for masks "
        + "continue the run (dnet-train with the same --output)"
    case .noLabelScores(let model):
      "the checkpoint is from before the masks are trained, and the model \(model) scores no image labels by itself: "
        + "continue the run (dnet-train with the same --output), or give a later checkpoint"
    }
  }
}

package enum ModelFile {
  /// The metadata of weights whose batch normalization is folded in.
  package static let folded = ["batch_normalization": "folded"]
  /// The former name of the metadata's key, which stays readable.
  private static let formerFoldedKey = "batchNormalization"

  /// The order of phases in checkpoints before format 3, whose manifests do not contain it. At that time there was one
  /// model.
  private static let earlierPhases = DecoupledNet.phases.map(\.name)

  /// Returns the weights file at `path`: the file itself or the one in the directory, and for a run without a model
  /// that of its newest whole checkpoint.
  package static func resolve(_ path: String) throws -> URL {
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
      throw ModelError.notFound(path: path)
    }
    let url = URL(fileURLWithPath: path)
    guard isDirectory.boolValue else { return url }
    for name in ["model.safetensors.zst", Checkpoint.weightsName] {
      let inside = url.appendingPathComponent(name)
      if FileManager.default.fileExists(atPath: inside.path) { return inside }
    }
    for directory in [url.appendingPathComponent("checkpoints"), url] {
      let store = CheckpointStore(directory, keep: 1, phases: earlierPhases)
      if let newest = try store.newestValid().checkpoint {
        return newest.url.appendingPathComponent(Checkpoint.weightsName)
      }
    }
    throw ModelError.notFound(path: path)
  }

  /// The checkpoint that a file belongs to, verified; nil for any other file.
  package static func checkpoint(of file: URL) throws -> Checkpoint? {
    let directory = file.deletingLastPathComponent()
    let manifest = directory.appendingPathComponent(Checkpoint.manifestName)
    guard file.lastPathComponent == Checkpoint.weightsName, FileManager.default.fileExists(atPath: manifest.path) else {
      return nil
    }
    return try Checkpoint(verifying: directory)
  }

  /// Loads weights and statistics as they are in the file, trained or not.
  package static func network(_ url: URL) throws -> any Model {
    let stored = try WeightsFile.read(url)
    let model = try emptyModel(stored.metadata["network"], path: url.path)
    if (stored.metadata["batch_normalization"] ?? stored.metadata[formerFoldedKey]) == "folded" {
      try fillFolded(model.vectors, from: stored)
    } else {
      for vector in model.vectors { try stored.fill(vector, othersAllowed: true) }
    }
    return model
  }

  /// Makes the model that a file's metadata describes.
  private static func emptyModel(_ text: String?, path: String) throws -> any Model {
    guard let text, let description = ModelDescription(text: text) else {
      throw ModelError.noNetwork(path: path, found: text)
    }
    guard let model = ModelRegistry.model(named: description.model) else {
      throw ModelError.unknownModel(path: path, model: description.model)
    }
    return model.init(description.shape, options: ModelOptions())
  }

  /// Fills weights and biases, and sets every normalization to the identity: (x - 0) 1 / sqrt(1 + epsilon) + 0 is x for
  /// an epsilon of 1e-9.
  private static func fillFolded(_ vectors: [ParameterVector], from stored: StoredTensors) throws {
    let (_, left) = try stored.setInitialWeights(of: vectors)
    for vector in vectors {
      for (index, parameter) in vector.table.parameters.enumerated() where left.contains(parameter.name) {
        switch parameter.role {
        case .weight, .bias:
          throw CheckpointError.anotherNetwork(path: stored.path, "it has no tensor \(parameter.name)")
        case .batchNormScale, .batchNormVariance: vector[index].update(repeating: 1)
        case .batchNormShift, .batchNormMean: vector[index].update(repeating: 0)
        }
      }
    }
  }

  /// Writes a model's tensors as they are, so that other programs open them at once.
  package static func export(_ url: URL, to output: String) throws {
    let stored = try WeightsFile.read(url)
    try WeightsFile.publish(stored.namedTensors, metadata: stored.metadata, to: URL(fileURLWithPath: output))
  }

  /// Writes a network.
  ///
  /// - Parameter folding: batch normalization goes into the weights; the network must be ready for inference.
  package static func export(_ model: any Model, to output: String, folding: Bool) throws {
    let url = URL(fileURLWithPath: output)
    guard folding else {
      try WeightsFile.publish(model.namedTensors, metadata: ["network": model.description.text], to: url)
      return
    }
    let shape = NetworkShape(
      width: model.shape.width, inputSize: model.shape.inputSize, classes: model.shape.classes,
      batchNormalization: false)
    let text = ModelDescription(model: type(of: model).name, shape: shape).text
    try WeightsFile.publish(model.foldedTensors, metadata: folded.merging(["network": text]) { $1 }, to: url)
  }
}
