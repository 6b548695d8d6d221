// Runs on a disk that is full, for a while or for good.
import Checkpoints
import Foundation
import Testing

/// A file system of a known size in a mount namespace, which only root can mount.
enum SmallDisk {
  static let needed: Comment = "SKIPPED: no tmpfs can be mounted here; run the tests as root to try a full disk"

  /// True if a command that is started as in the tests can mount, resize and unmount a tmpfs.
  static let canBeMounted: Bool = {
    let script = #"""
      disk=$(mktemp -d) || exit
      mount -t tmpfs -o size=64k tmpfs "$disk" && mount -o remount,size=1m "$disk" && umount "$disk"
      status=$?
      rmdir "$disk"
      exit $status
      """#
    let job = try? Job(["unshare", "-m", "bash", "-c", script], in: NSTemporaryDirectory())
    return job?.wait().status == 0
  }()
}

extension EndToEnd {
  @Suite(.serialized, .enabled(if: SmallDisk.canBeMounted, SmallDisk.needed)) struct FullDiskTests {
    /// Runs in a mount namespace of its own; only root may mount. The disk has 64 MB, fills up, and has space again
    /// later.
    private static let script = #"""
      mount -t tmpfs -o size=64m tmpfs disk || exit 77
      "$@" --output disk/run >train.log 2>&1 &
      pid=$!
      until_true() {
        for i in $(seq 1200); do "$@" && return; kill -0 $pid || { cat train.log; exit 8; }; sleep 0.05; done
        cat train.log; exit 9
      }
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

    @Test("A full disk costs only the checkpoints that do not fit.")
    func aFullDiskCostsCheckpointsOnly() throws {
      let workplace = try Workplace()
      try FileManager.default.createDirectory(atPath: workplace.file("disk"), withIntermediateDirectories: true)
      let configuration = Commands.repository + "/Configs/synthetic/tiny.yaml"
      let settings = (Workplace.settings + ["classification.iterations=100000", "checkpoint.every=3"]).flatMap {
        ["--set", $0]
      }
      let outcome = try Job(
        ["unshare", "-m", "bash", "-c", Self.script, "bash", Commands.path("dnet-train"), configuration] + settings,
        in: workplace.path
      ).wait(limit: 120)
      let log = (try? String(contentsOfFile: workplace.file("train.log"), encoding: .utf8)) ?? ""
      #expect(outcome.status == 0 && outcome.output.contains("status 75"), "\(outcome.output)\n\(log)")
      let complaint = try #require(log.split(separator: "\n").first { $0.contains("was not written to") })
      for words in [
        "disk/run/checkpoints", "No space left on device", "It needs up to", "bytes there", "are free",
        "training continues",
      ] {
        #expect(complaint.contains(words), "\(complaint)")
      }
      let store = CheckpointStore(
        URL(fileURLWithPath: workplace.file("run/checkpoints")), keep: 2, phases: ["classification"])
      let (newest, skipped) = try store.newestValid()
      let done = try #require(newest).description.iteration
      #expect(skipped.isEmpty && !workplace.checkpoints("run").contains { $0.hasPrefix(".") })
      // The weights are those of a run with a large disk.
      try workplace.train("roomy", ranks: nil, set: ["classification.iterations=100000"], ["--stop-after", "\(done)"])
      #expect(try workplace.summary("run").weightsDigest == workplace.summary("roomy").weightsDigest)
    }

    // MARK: The end of a phase and of a run

    /// The directory `checkpoints` on a disk too small for any, or on one that is full until the first warning; or the
    /// run's directory on a small disk.
    private enum Disk: String, CaseIterable {
      case small = #"""
        mkdir -p run/checkpoints && mount -t tmpfs -o size=64k tmpfs run/checkpoints || exit 77
        "$@" >train.log 2>&1; echo "status $?"
        ls -A run/checkpoints
        """#
      case fullForAWhile = #"""
        mkdir -p run/checkpoints && mount -t tmpfs -o size=64m tmpfs run/checkpoints || exit 77
        cat /dev/zero >run/checkpoints/filler 2>/dev/null
        "$@" >train.log 2>&1 &
        for i in $(seq 600); do grep -q 'was not written to' train.log && break; sleep 0.05; done
        rm run/checkpoints/filler
        wait $!; echo "status $?"
        ls -A run/checkpoints
        """#
      case smallForTheModel = #"""
        mkdir -p run && mount -t tmpfs -o size=64k tmpfs run || exit 77
        mkdir run/checkpoints && mount -t tmpfs -o size=64m tmpfs run/checkpoints || exit 77
        "$@" >train.log 2>&1; echo "status $?"
        ls -A run
        mount -o remount,size=64m run
        "$@" >again.log 2>&1; echo "again $?"
        mkdir out; cp run/*.json run/*.zst out/; mount --make-private run
        umount run/checkpoints; umount run; cp out/* run/
        """#
    }

    /// Starts a run on such a disk.
    private func start(_ disk: Disk, ranks: Int?, set: [String] = [], _ more: [String] = []) throws -> (Workplace, Job)
    {
      let workplace = try Workplace()
      let settings = (Workplace.settings + set).flatMap { ["--set", $0] }
      let command =
        Commands.launcher(ranks)
        + [try Commands.path("dnet-train"), Commands.repository + "/Configs/synthetic/tiny.yaml", "--output", "run"]
        + settings + more
      return (workplace, try Job(["unshare", "-m", "bash", "-c", disk.rawValue, "bash"] + command, in: workplace.path))
    }

    private func log(_ workplace: Workplace, _ name: String = "train.log") -> String {
      (try? String(decoding: workplace.read(name), as: UTF8.self)) ?? ""
    }

    @Test("No failed write ends a run that can continue.")
    func noFailedWriteCostsTheRun() throws {
      let (never, neverJob) = try start(.small, ranks: 2)
      let (later, laterJob) = try start(.fullForAWhile, ranks: 2, set: ["checkpoint.every=0"])
      let (stopped, stoppedJob) = try start(.small, ranks: 3, ["--max-iterations", "3"])
      let (modelless, modellessJob) = try start(.smallForTheModel, ranks: nil)
      let (nonFinite, nonFiniteJob) = try start(.small, ranks: 2, ["--inject-fault", "nan:1:4"])
      let outcome = neverJob.wait(limit: 90)

      // No checkpoint is ever written. The model is, and warnings say so.
      var text = log(never)
      #expect(outcome.lines == ["status 0"], "\(outcome.output)\n\(text)")
      for words in [
        "checkpoint classification-000004 was not written to", "; the next attempt is in 4 s",
        "warning: the classification phase is done and its last checkpoint is not written; the run continues without "
          + "it. Until one is written, a restart begins at the beginning",
        "warning: the model is written, the checkpoint after segmentation iteration 3 is not",
      ] { #expect(text.contains(words), "no \(words) in \(text)") }
      #expect(try never.summary("run").weightsDigest == Workplace.digest.get())
      #expect(never.exists("run/model.safetensors.zst") && never.iterations("run") == Workplace.sequence(4, 3))

      // The first attempt at the end of the phase fails, a later one succeeds.
      let second = laterJob.wait(limit: 90)
      text = log(later)
      #expect(
        second.lines == ["status 0", "classification-000004", "latest", "segmentation-000003"],
        "\(second.output)\n\(text)")
      #expect(
        text.contains("; the next attempt is in 1 s") && text.contains("classification phase done: ")
          && text.contains("/run/checkpoints/classification-000004"))
      #expect(!text.contains("continues without it"), "\(text)")
      #expect(try later.summary("run").weightsDigest == Workplace.digest.get())

      // The work of the run is lost with its checkpoint, which is an error.
      let third = stoppedJob.wait(limit: 90)
      text = log(stopped)
      #expect(third.lines == ["status 1"], "\(third.output)\n\(text)")
      let complaints = text.split(separator: "\n").filter { $0.hasPrefix("dnet-train:") }
      #expect(
        complaints.count == 1
          && complaints[0].contains("after iteration 3 of the classification phase, and its checkpoint was not"))
      #expect(complaints[0].contains("it resumes from the beginning"), "\(text)")
      #expect(!text.contains("continues from here"), "\(text)")
      #expect(try stopped.summary("run").exitReason == "stop-after")

      // The model cannot be written; the same command writes it later.
      let fourth = modellessJob.wait(limit: 90)
      text = log(modelless)
      #expect(
        fourth.lines.first == "status 1" && fourth.lines.last == "again 0",
        "\(fourth.output)\n\(text)\n\(log(modelless, "again.log"))")
      #expect(
        !fourth.lines.contains { $0.contains("model.safetensors.zst") || $0 == "summary.json" }, "\(fourth.output)")
      for words in [
        "training has finished, but the model was not written to run/model.safetensors.zst", "No space left on device",
        "it resumes from /", "/run/checkpoints/segmentation-000003 and writes the model",
      ] { #expect(text.contains(words), "no \(words) in \(text)") }
      #expect(try modelless.summary("run").weightsDigest == Workplace.digest.get())
      #expect(modelless.exists("run/model.safetensors.zst"))

      // A run that ends for another reason reports that one.
      let fifth = nonFiniteJob.wait(limit: 90)
      text = log(nonFinite)
      #expect(
        fifth.lines == ["status 1"] && text.contains("checkpoint classification-000003 was not written to"),
        "\(fifth.output)\n\(text)")
      let last = text.split(separator: "\n").filter { $0.hasPrefix("dnet-train:") }
      #expect(
        last.count == 1 && last[0].contains("is NaN or beyond 1e34")
          && last[0].contains("in iteration 4 of the classification phase"), "\(text)")
    }
  }
}
