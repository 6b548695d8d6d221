// A short form of Launch/chaos: kills at random moments, also inside the writing of a checkpoint, resumed on other ranks.
import Foundation
import Testing

extension EndToEnd {
  @Suite(.serialized) struct ChaosTests {
    @Test func killsLeaveNoTrace() throws {
      let folder = NSTemporaryDirectory() + "dnet-chaos-test-\(UUID().uuidString)"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(atPath: folder) }
      // How soon a job ends is not looked at here: other programs may use the cores.
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
