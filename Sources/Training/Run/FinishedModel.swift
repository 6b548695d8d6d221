// Writing of RUN/model.safetensors.zst, the result of training. It is written even where the last checkpoint was not.
import Checkpoints
import Foundation
import Models

enum FinishedModel {
  /// Writes the network with its statistics. A failure is reported and tried again, since there is no later opportunity.
  ///
  /// - Parameter newestCheckpoint: where the same command would resume.
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
