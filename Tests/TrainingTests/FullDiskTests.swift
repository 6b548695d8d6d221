// A disk of 64 MB that fills up while a run writes its checkpoints there, and has room again later.
import Checkpoints
import Foundation
import Testing

extension EndToEnd {
  @Suite(.serialized) struct FullDiskTests {
    /// In a mount namespace of its own, where only root may mount.
    private static let script = #"""
      mount -t tmpfs -o size=64m tmpfs disk || exit 77
      "$@" --output disk/run >train.log 2>&1 &
      pid=$!
      until_true() { for i in $(seq 1200); do "$@" && return; kill -0 $pid || { cat train.log; exit 8; }; sleep 0.05; done; cat train.log; exit 9; }
      latest() { readlink disk/run/checkpoints/latest || echo none; }
      has_one() { test "$(latest)" != none; }
      complains() { grep -q 'was not written to' train.log; }
      moved_on() { test "$(latest)" != "$before"; }
      until_true has_one
      cat /dev/zero >disk/filler 2>/dev/null
      until_true complains
      before=$(latest)
      rm disk/filler
      until_true moved_on
      kill -USR1 $pid
      wait $pid; echo "status $?"
      cp -r disk/run run
      """#

    @Test func aFullDiskCostsCheckpointsOnly() throws {
      let workplace = try Workplace()
      try FileManager.default.createDirectory(atPath: workplace.file("disk"), withIntermediateDirectories: true)
      let configuration = Commands.repository + "/Configs/synthetic/tiny.yaml"
      let settings = (Workplace.settings + ["classification.iterations=100000", "checkpoint.every=3"]).flatMap { ["--set", $0] }
      let outcome = try Job(
        ["unshare", "-m", "bash", "-c", Self.script, "bash", Commands.path("dnet-train"), configuration] + settings,
        in: workplace.path
      ).wait(limit: 120)
      if outcome.status == 77 || outcome.status == 1 && outcome.output.contains("unshare") {
        print("SKIPPED: no file system can be mounted here (root is needed): a disk that fills up was not tried")
        return
      }
      let log = (try? String(contentsOfFile: workplace.file("train.log"), encoding: .utf8)) ?? ""
      #expect(outcome.status == 0 && outcome.output.contains("status 75"), "\(outcome.output)\n\(log)")
      let complaint = try #require(log.split(separator: "\n").first { $0.contains("was not written to") })
      for words in ["disk/run/checkpoints", "No space left on device", "It needs up to", "bytes there", "are free", "training goes on"] {
        #expect(complaint.contains(words), "\(complaint)")
      }
      let store = CheckpointStore(URL(fileURLWithPath: workplace.file("run/checkpoints")), keep: 2)
      let (newest, skipped) = try store.newestValid()
      let done = try #require(newest).description.iteration
      #expect(skipped.isEmpty && !workplace.checkpoints("run").contains { $0.hasPrefix(".") })
      // The weights are those of a run that had room all the time.
      try workplace.train("roomy", ranks: nil, set: ["classification.iterations=100000"], ["--stop-after", "\(done)"])
      #expect(try workplace.summary("run").weightsDigest == workplace.summary("roomy").weightsDigest)
    }
  }
}
