// The errors of gathering a checkpoint's batch-norm statistics.

package enum CheckpointModelError: Error, Equatable, CustomStringConvertible {
  case noData(checkpoint: String, iteration: Int, phase: String, place: String, reason: String)
  case otherData(key: String, here: String, there: String)
  case otherKey(key: String, here: String, there: String)

  package var description: String {
    switch self {
    case .noData(let checkpoint, let iteration, let phase, let place, let reason):
      "\(checkpoint) is from within the \(phase) phase (iteration \(iteration)): its batch-norm statistics are "
        + "averaged over training data, and that of \(place) cannot be used: \(reason). Say where the data is with "
        + "--set data.root=FOLDER or --set data.pack=FILE, or give a model.safetensors.zst or the checkpoint of a "
        + "phase's end, which need none"
    case .otherData(let key, let here, let there):
      "\(key) has the SHA-256 \(here.prefix(12))... where the run had \(there.prefix(12))..."
    case .otherKey(let key, let here, let there):
      "--set \(key)=\(here): the checkpoint's run has \(there), and the key changes the result; only places of data "
        + "and keys that are free may be set"
    }
  }
}
