// The errors of a training run, each with the next step for its user.
import Foundation

package enum RunError: Error, Equatable, CustomStringConvertible {
  case cannotWrite(path: String, reason: String)
  case notEmpty(path: String, checkpoint: String)
  case otherConfiguration(key: String, here: String, checkpoint: String)
  case notFinite(phase: String, iteration: Int, shard: Int, loss: Double)
  case gradientNotFinite(phase: String, iteration: Int, shard: Int, rank: Int, parameter: String)
  case untrainedGroup(phase: String, group: String, trainedBy: String)
  case noMaskedPixels(phase: String, list: String)
  case noCheckpoint(path: String)
  case noUsableCheckpoint(path: String, damaged: Int)
  case weightsNotFinite(phase: String, iteration: Int, tensor: String)
  case otherCrops(list: String, here: String, before: String)
  case checkpointMissing(phase: String, iteration: Int, reason: String, newest: String?)
  case modelNotWritten(path: String, bytes: Int, reason: String, newest: String?)

  package var description: String {
    switch self {
    case .cannotWrite(let path, let reason):
      "cannot write \(path): \(reason); name a writable directory with --output"
    case .notEmpty(let path, let checkpoint):
      "\(path) already has the checkpoint \(checkpoint): resume from it with --resume auto, or name another --output"
    case .otherConfiguration(let key, let here, let checkpoint):
      "the checkpoint was written with \(key) = \(checkpoint), this run has \(here), so they are different runs: "
        + "set \(key) back, start a new run with another --output, or resume nevertheless with --allow-change \(key)"
    case .notFinite(let phase, let iteration, let shard, let loss):
      "the loss is \(loss) in iteration \(iteration) of the \(phase) phase, first in shard \(shard): "
        + "lower \(phase).learningRate.base, and inspect the shard's images with --record-steps"
    case .gradientNotFinite(let phase, let iteration, let shard, let rank, let parameter):
      "the gradient of \(parameter) is NaN or beyond 1e34 in iteration \(iteration) of the \(phase) phase, in shard "
        + "\(shard) on rank \(rank); no weight was changed: lower \(phase).learningRate.base; if the same run on other "
        + "ranks does not fail, check that rank's memory and processor"
    case .untrainedGroup(let phase, let group, let trainedBy):
      "the \(phase) phase needs trained \(group) parameters: resume from the last checkpoint of the "
        + "\(trainedBy) phase, or give the weights with --initial-weights"
    case .noMaskedPixels(let phase, let list):
      "no image of \(list) has a labelled pixel, so the \(phase) phase has nothing to learn from: "
        + "check data.maskList"
    case .noCheckpoint(let path):
      "\(path) is not a checkpoint, because it has no manifest.json: name a directory such as "
        + "RUN/checkpoints/classification-000500 with --resume, or a run's directory with --output and --resume auto"
    case .noUsableCheckpoint(let path, let damaged):
      "none of the \(damaged) checkpoints in \(path) can be used, for the reasons above: "
        + "restore an intact one, remove them to start a new run, or name another --output"
    case .weightsNotFinite(let phase, let iteration, let tensor):
      "\(tensor) has NaN or infinite values after iteration \(iteration) of the \(phase) phase, so no checkpoint is "
        + "written: lower \(phase).learningRate.base and start a new run with another --output"
    case .otherCrops(let list, let here, let before):
      "\(list) has the SHA-256 \(here.prefix(12))..., but this run started with crops of \(before.prefix(12))...: "
        + "restore that list, or start a new run with another --output"
    case .checkpointMissing(let phase, let iteration, let reason, let newest):
      "the run has ended (\(reason)) after iteration \(iteration) of the \(phase) phase, and its checkpoint was not "
        + "written for the reason above: free some space and start the same command again; it resumes from "
        + (newest ?? "the beginning")
    case .modelNotWritten(let path, let bytes, let reason, let newest):
      "training has finished, but the model was not written to \(path): \(reason). It needs up to \(bytes) bytes "
        + "there: free some space and start the same command again; it resumes from \(newest ?? "the beginning") and "
        + "writes the model"
    }
  }

  /// True for errors that all ranks throw at the same time, without `Communicator.rethrowOnAllRanks`.
  package var isShared: Bool {
    switch self {
    case .notFinite, .gradientNotFinite, .untrainedGroup, .checkpointMissing: true
    default: false
    }
  }
}
