// The writing of RUN/model.safetensors.zst, the result of training. It is written even if the last checkpoint was not.
import Checkpoints
import Foundation
import Models
import Support

enum FinishedModel {
  /// Writes the network with its statistics. A failed write is reported and tried again, since none follows later.
  ///
  /// - Parameter newestCheckpoint: the path of the checkpoint from which the same command would resume.
  static func publish(_ model: any Model, to path: String, newestCheckpoint: String?, say: (String) -> Void) throws {
    for pause in RunCheckpoints.pauses.map(Optional.some) + [nil] {
      do {
        try WeightsFile.publish(
          model.namedTensors, metadata: ["dnet": Version.text, "network": model.description.text],
          to: URL(fileURLWithPath: path))
        return
      } catch {
        guard let pause else {
          throw RunError.modelNotWritten(
            path: path, bytes: 4 * model.namedTensors.reduce(0) { $0 + $1.values.count }, reason: "\(error)",
            newest: newestCheckpoint)
        }
        say(String(format: "warning: the model was not written: \(error); the next attempt is in %g s", pause))
        Thread.sleep(forTimeInterval: pause)
      }
    }
  }
}
