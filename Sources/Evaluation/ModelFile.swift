// A trained network from disk: a model file, a checkpoint's directory, or a run's.
import Checkpoints
import Foundation
import Networks

package enum ModelError: Error, Equatable, CustomStringConvertible {
  case noNetwork(path: String, found: String?)
  case notFound(path: String)

  package var description: String {
    switch self {
    case .noNetwork(let path, let found):
      "\(path) does not say which network its weights belong to (metadata \"network\": \(found ?? "missing")): "
        + "give a model.safetensors.zst or a checkpoint that dnet-train wrote"
    case .notFound(let path):
      "there is no model at \(path): give a model.safetensors.zst, a checkpoint's directory or a finished run's"
    }
  }
}

package enum ModelFile {
  /// The weights file that `path` means: itself, or the one in the directory that it names.
  package static func resolve(_ path: String) throws -> URL {
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else { throw ModelError.notFound(path: path) }
    guard isDirectory.boolValue else { return URL(fileURLWithPath: path) }
    for name in ["model.safetensors.zst", "weights.safetensors.zst"] {
      let inside = URL(fileURLWithPath: path).appendingPathComponent(name)
      if FileManager.default.fileExists(atPath: inside.path) { return inside }
    }
    throw ModelError.notFound(path: path)
  }

  /// The network with its weights and batch-norm statistics.
  package static func load(_ path: String) throws -> DecoupledNet {
    let url = try resolve(path)
    let stored = try WeightsFile.read(url)
    let text = stored.metadata["network"]
    guard let shape = text.flatMap(NetworkShape.init(text:)) else {
      throw ModelError.noNetwork(path: url.path, found: text)
    }
    let net = DecoupledNet(shape)
    for vector in [net.classification, net.classificationStatistics, net.segmentation, net.segmentationStatistics] {
      try stored.fill(vector, othersAllowed: true)
    }
    return net
  }
}
