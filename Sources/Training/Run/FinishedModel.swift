// RUN/model.safetensors.zst: what all the training was for. It is written whatever became of the last checkpoint.
import Checkpoints
import Foundation
import Networks

enum FinishedModel {
  /// Writes the network with its statistics. A failure is said and tried again, for there is no later moment.
  ///
  /// - Parameter newestCheckpoint: from where the same command would go on.
  static func publish(_ net: DecoupledNet, to path: String, newestCheckpoint: String?, say: (String) -> Void) throws {
    for pause in RunCheckpoints.pauses.map(Optional.some) + [nil] {
      do {
        try WeightsFile.publish(
          net.namedTensors, metadata: ["dnet": Version.text, "network": net.shape.text], to: URL(fileURLWithPath: path))
        return
      } catch {
        guard let pause else {
          throw RunError.modelNotWritten(
            path: path, bytes: 4 * net.namedTensors.reduce(0) { $0 + $1.values.count }, reason: "\(error)",
            newest: newestCheckpoint)
        }
        say(String(format: "warning: the model was not written: \(error); the next attempt is in %g s", pause))
        Thread.sleep(forTimeInterval: pause)
      }
    }
  }
}
