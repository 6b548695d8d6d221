// A run's directory and the files in it that are not checkpoints. Rank 0 alone writes here.
import Foundation
import Images
import Support

package enum RunError: Error, Equatable, CustomStringConvertible {
  case cannotWrite(path: String, reason: String)
  case notEmpty(path: String, checkpoint: String)
  case otherConfiguration(key: String, here: String, checkpoint: String)
  case notFinite(phase: String, iteration: Int, shard: Int, loss: Double)
  case gradientNotFinite(phase: String, iteration: Int, shard: Int, rank: Int, parameter: String)
  case untrainedGroup(phase: String, group: String, trainedBy: String)
  case nothingToSegment(list: String)
  case noCheckpoint(path: String)
  case noUsableCheckpoint(path: String, damaged: Int)
  case weightsNotFinite(phase: String, iteration: Int, tensor: String)
  case otherCrops(list: String, here: String, before: String)
  case checkpointMissing(phase: String, iteration: Int, reason: String, newest: String?)
  case modelNotWritten(path: String, bytes: Int, reason: String, newest: String?)

  package var description: String {
    switch self {
    case .cannotWrite(let path, let reason):
      "cannot write \(path): \(reason); give a directory that can be written with --output"
    case .notEmpty(let path, let checkpoint):
      "\(path) already has the checkpoint \(checkpoint): use --resume auto to go on with it, or another --output"
    case .otherConfiguration(let key, let here, let checkpoint):
      "the checkpoint was made with \(key) = \(checkpoint), this run has \(here): it is a checkpoint of another run; "
        + "set \(key) back, start anew with another --output, or go on all the same with --allow-change \(key)"
    case .notFinite(let phase, let iteration, let shard, let loss):
      "the loss is \(loss) in iteration \(iteration) of the \(phase) phase, first in shard \(shard): "
        + "lower \(phase).learningRate.base, and look at the shard's images with --record-steps"
    case .gradientNotFinite(let phase, let iteration, let shard, let rank, let parameter):
      "the gradient of \(parameter) is no number, or beyond 1e34, in iteration \(iteration) of the \(phase) phase, in shard "
        + "\(shard) on rank \(rank), and changed no weight: lower \(phase).learningRate.base; if a run on other ranks "
        + "does not find it there, look at that rank's memory and processor"
    case .untrainedGroup(let phase, let group, let trainedBy):
      "the \(phase) phase needs trained \(group) parameters: resume from a checkpoint of the end of the \(trainedBy) phase, "
        + "or give the weights with --initial-weights"
    case .nothingToSegment(let list):
      "no image of \(list) has a labelled pixel: the segmentation phase has nothing to learn from; check data.maskList"
    case .noCheckpoint(let path):
      "\(path) is no checkpoint, it has no manifest.json: name a directory such as RUN/checkpoints/classification-000500 "
        + "with --resume, or a run's with --output and --resume auto"
    case .noUsableCheckpoint(let path, let damaged):
      "none of the \(damaged) checkpoints in \(path) can be used, for the reasons above: "
        + "put back a whole one, or remove them to start anew, or give another --output"
    case .weightsNotFinite(let phase, let iteration, let tensor):
      "\(tensor) holds values that are no numbers after iteration \(iteration) of the \(phase) phase, so no checkpoint is "
        + "written: lower \(phase).learningRate.base and start anew with another --output"
    case .otherCrops(let list, let here, let before):
      "\(list) has the SHA-256 \(here.prefix(12))..., but this run began with crops of \(before.prefix(12))...: "
        + "put that list back, or start anew with another --output"
    case .checkpointMissing(let phase, let iteration, let reason, let newest):
      "the run has ended (\(reason)) after iteration \(iteration) of the \(phase) phase, and its checkpoint was not written, for the "
        + "reason above: make room, and start the same command again; it goes on from \(newest ?? "the beginning")"
    case .modelNotWritten(let path, let bytes, let reason, let newest):
      "training is over and the model was not written to \(path): \(reason). It needs up to \(bytes) bytes there: make room, and "
        + "start the same command again; it goes on from \(newest ?? "the beginning") and writes the model"
    }
  }

  /// Whether all ranks throw this error together, outside `Communicator.rethrowOnAllRanks`.
  package var isShared: Bool {
    switch self {
    case .notFinite, .gradientNotFinite, .untrainedGroup, .checkpointMissing: true
    default: false
    }
  }
}

package struct RunDirectory: Sendable {
  package let path: String

  package init(_ path: String) { self.path = path }

  package func file(_ name: String) -> String { "\(path)/\(name)" }
  package var checkpoints: String { file("checkpoints") }
  package var metrics: String { file("metrics.jsonl") }
  package var events: String { file("events") }
  package var verification: String { file("verification.jsonl") }
  package var model: String { file("model.safetensors.zst") }

  /// Makes the directory and sees that it can be written, without leaving anything in it if the process ends here.
  package func create() throws {
    do { try FileBytes.makeFolder(path) } catch { throw RunError.cannotWrite(path: path, reason: error.reason) }
    if access(path, W_OK | X_OK) != 0 {
      throw RunError.cannotWrite(path: path, reason: String(cString: strerror(errno)))
    }
  }

  /// Writes a small file whole or not at all.
  package func write(_ text: String, to name: String) throws {
    do { try AtomicFile.write(text, to: file(name)) } catch {
      throw RunError.cannotWrite(path: file(name), reason: error.reason)
    }
  }
}
