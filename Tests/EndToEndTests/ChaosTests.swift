// A short run of Launch/chaos: kills at random moments, also while a checkpoint is written, and resumes on other ranks.
import Foundation
import Testing

extension EndToEnd {
  @Suite(.serialized) struct ChaosTests {
    @Test("Kills at random moments, followed by resumes on other ranks, do not change the weights.")
    func killsDoNotChangeWeights() throws {
      let folder = NSTemporaryDirectory() + "dnet-chaos-test-\(UUID().uuidString)"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(atPath: folder) }
      // The patience is long, since other programs may use the cores.
      let outcome = try Job(
        [
          "env", "PATH=\(Commands.folder):\(ProcessInfo.processInfo.environment["PATH"] ?? "")", "TMPDIR=\(folder)",
          "bash",
          "\(Commands.repository)/Launch/chaos", "--kills", "4", "--seed", "5", "--patience", "60",
        ],
        in: folder
      ).wait(limit: 300)
      #expect(outcome.status == 0, "\(outcome.output)")
      #expect(outcome.output.contains("chaos: 4 kills ("), "\(outcome.output)")
      #expect(outcome.output.contains(" 0 failures"), "\(outcome.output)")
    }
  }
}
