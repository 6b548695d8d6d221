// The weights that a command was given: a model file, or a checkpoint of a run.
import Checkpoints
import Evaluation
import Foundation
import Models

/// The file or directory that a command was given as a model.
package struct ModelSource {
  /// The weights file.
  package let url: URL
  /// The verified checkpoint to which the weights file belongs; nil for a model file.
  let checkpoint: Checkpoint?

  /// - Parameter path: a file, a checkpoint's directory or a run's directory.
  package init(_ path: String) throws {
    url = try ModelFile.resolve(path)
    checkpoint = try ModelFile.checkpoint(of: url)
  }

  var description: CheckpointDescription? { checkpoint?.description }

  /// The model and the phase of the checkpoint; nil for a model file and for a model that is not registered.
  private var origin: (model: any Model.Type, shape: NetworkShape, phase: PhaseSpec)? {
    guard let description, let network = ModelDescription(text: description.network),
      let model = ModelRegistry.model(named: network.model),
      let phase = model.phases.first(where: { $0.name == description.phase })
    else { return nil }
    return (model, network.shape, phase)
  }

  /// True if batch-norm statistics must be gathered from training data first.
  package var needsStatistics: Bool {
    guard let description, !description.endsPhase, let (model, shape, phase) = origin else { return false }
    let trained = model.init(shape, options: ModelOptions()).trained(by: phase)
    return trained.statistics.table.vectorCount > 0
  }

  /// The error of a command that needs a model with masks.
  package var labelsOnlyError: ModelError {
    .labelsOnly(
      path: url.deletingLastPathComponent().path, phase: description?.phase ?? "first",
      ended: description?.endsPhase ?? false)
  }

  /// The reason why the model predicts no masks; nil where it does.
  package var onlyLabels: String? {
    guard let description, let (model, _, _) = origin else { return nil }
    guard let untrained = model.untrainedGroups(afterPhase: description.phase), !untrained.isEmpty else { return nil }
    return "\(description.name) is a checkpoint of the \(description.phase) phase: labels only, since its "
      + "\(untrained.joined(separator: ", ")) parameters are not trained"
  }
}
