// A trained network from disk: a model file, a checkpoint's directory, or a run's.
import Checkpoints
import Foundation
import Networks
import Compute

package enum ModelError: Error, Equatable, CustomStringConvertible {
  case noNetwork(path: String, found: String?)
  case notFound(path: String)
  case unfinished(path: String, phase: String, ended: Bool)

  package var description: String {
    switch self {
    case .noNetwork(let path, let found):
      "\(path) does not say which network its weights belong to (metadata \"network\": \(found ?? "missing")): "
        + "give a model.safetensors.zst or a checkpoint that dnet-train wrote"
    case .notFound(let path):
      "there is no model at \(path): give a model.safetensors.zst, a checkpoint's directory or a run's"
    case .unfinished(let path, "classification", let ended):
      "\(path) is a checkpoint \(ended ? "from the end of" : "from within") the classification phase: its segmentation network "
        + "is not trained, so it is no model for this. dnet evaluate and dnet predict tell its labels; for masks go on with the "
        + "run (dnet-train with the same --output)"
    case .unfinished(let path, let phase, _):
      "\(path) is a checkpoint from within the \(phase) phase: batch-norm means and variances are gathered at the phase's end. "
        + "dnet evaluate, dnet predict and dnet model export --statistics gather them first"
    }
  }
}

package enum ModelFile {
  /// In the metadata of weights whose batch normalisation is folded in.
  package static let folded = ["batchNormalization": "folded"]

  /// The order of phases in checkpoints before format 3, whose manifests do not tell it.
  private static let earlierPhases = ["classification", "segmentation"]

  /// The weights file that `path` means: itself, or the one in the directory that it names; of a run without a model, that
  /// of its newest whole checkpoint.
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

  /// The network of a model or of the checkpoint that ends training, ready for inference. Other checkpoints are refused: those
  /// from within a phase lack statistics, those of the classification phase have no segmentation network.
  package static func load(_ path: String) throws -> DecoupledNet {
    let url = try resolve(path)
    if let description = try checkpoint(of: url)?.description,
      description.phase != "segmentation" || !description.endsPhase
    {
      throw ModelError.unfinished(
        path: url.deletingLastPathComponent().path, phase: description.phase, ended: description.endsPhase)
    }
    return try network(url)
  }

  /// The network of a file with its weights and statistics, whatever they are worth.
  package static func network(_ url: URL) throws -> DecoupledNet {
    let stored = try WeightsFile.read(url)
    let text = stored.metadata["network"]
    guard let shape = text.flatMap(NetworkShape.init(text:)) else {
      throw ModelError.noNetwork(path: url.path, found: text)
    }
    let net = DecoupledNet(shape)
    let vectors = [net.classification, net.classificationStatistics, net.segmentation, net.segmentationStatistics]
    if stored.metadata["batchNormalization"] == folded["batchNormalization"] {
      try fillFolded(vectors, from: stored)
    } else {
      for vector in vectors { try stored.fill(vector, othersAllowed: true) }
    }
    return net
  }

  /// What is left to normalise with does nothing: (x - 0) 1 / sqrt(1 + epsilon) + 0 is x for an epsilon of 1e-9.
  private static func fillFolded(_ vectors: [ParameterVector], from stored: StoredTensors) throws {
    let (_, left) = try stored.setInitialWeights(of: vectors)
    if let missing = left.first(where: { !$0.contains("bn.") }) {
      throw CheckpointError.anotherNetwork(path: stored.path, "it has no tensor \(missing)")
    }
    for vector in vectors {
      for name in left where vector.table.index(of: name) != nil {
        vector[name].update(repeating: name.hasSuffix(".scale") || name.hasSuffix(".variance") ? 1 : 0)
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
  /// - Parameter folding: batch normalisation goes into the weights; the network must be ready for inference.
  package static func export(_ net: DecoupledNet, to output: String, folding: Bool) throws {
    let url = URL(fileURLWithPath: output)
    guard folding else {
      try WeightsFile.publish(net.namedTensors, metadata: ["network": net.shape.text], to: url)
      return
    }
    let shape = NetworkShape(
      width: net.shape.width, inputSize: net.shape.inputSize, classes: net.shape.classes, batchNormalization: false)
    try WeightsFile.publish(net.foldedTensors(), metadata: folded.merging(["network": shape.text]) { $1 }, to: url)
  }
}
