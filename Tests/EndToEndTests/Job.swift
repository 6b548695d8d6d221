// A command as a user starts it: from a folder, with the settings of Launch/environment, and with a limit to its time.
// Every job is a session of its own, so that all its processes can be found and ended: mpirun puts each rank into a process
// group of its own, and a kill of mpirun's group would leave the ranks.
import Foundation
import Testing

/// Suites that run the built commands, one test at a time: each of them uses all cores.
@Suite(.serialized) enum EndToEnd {}

enum Commands {
  /// Where the commands were built: beside the program that runs the tests.
  static let folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().path

  static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

  /// `dnet` or `dnet-train`.
  static func path(_ name: String) throws -> String {
    let path = "\(folder)/\(name)"
    try #require(access(path, X_OK) == 0, "no \(name) in \(folder): swift build -c release, or Launch/test")
    return path
  }

  /// nil for a command that is started without mpirun, as the only rank.
  static func launcher(_ ranks: Int?) -> [String] {
    ranks.map { ["mpirun", "-n", "\($0)", "--bind-to", "none"] } ?? []
  }
}

/// What a job left behind.
struct Outcome {
  /// As a shell gives it: 128 more than the signal that ended the process.
  let status: Int32
  let output: String
  let seconds: Double

  var lines: [String] { output.split(separator: "\n").map(String.init) }

  /// Lines in which a command, not mpirun, complains.
  var complaints: [String] {
    lines.filter {
      $0.hasPrefix("dnet-train:") || $0.hasPrefix("dnet evaluate:") || $0.hasPrefix("dnet predict:")
        || $0.hasPrefix("dnet model export:") || $0.hasPrefix("Error:")
    }
  }
}

/// A running command.
final class Job {
  let session: pid_t
  private let log: String
  private let started = DispatchTime.now()
  private var status: Int32?

  /// Starts a command in a folder; its output goes to a file there.
  init(_ command: [String], in folder: String, log name: String = "job-\(UUID().uuidString).log") throws {
    log = "\(folder)/\(name)"
    let script = #"cd "$1" && . "$2/Launch/environment" && log=$3 && shift 3 && exec "$@" >"$log" 2>&1 </dev/null"#
    let words = ["bash", "-c", script, "bash", folder, Commands.repository, log] + command
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // The test runner's threads block signals, and a child inherits that.
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    let newSession: Int16 = 0x80  // POSIX_SPAWN_SETSID, which glibc shows to C with _GNU_SOURCE only
    posix_spawnattr_setflags(&attributes, newSession | Int16(POSIX_SPAWN_SETSIGMASK))
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    // Nobody wants megabytes of stack traces from processes that the tests kill.
    var environment: [UnsafeMutablePointer<CChar>?] =
      ProcessInfo.processInfo.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
      .map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { (arguments + environment).forEach { free($0) } }
    var process: pid_t = 0
    let failure = posix_spawnp(&process, "bash", nil, &attributes, &arguments, &environment)
    try #require(failure == 0, "cannot start bash: \(String(cString: strerror(failure)))")
    session = process
  }

  deinit { if status == nil { kill() } }

  /// The job's end; one that is not over within the limit is killed, and the test fails.
  @discardableResult
  func wait(limit: Double = 60, _ place: SourceLocation = #_sourceLocation) -> Outcome {
    if !ends(within: limit) {
      Issue.record("not over after \(limit) s: \(output.suffix(2000))", sourceLocation: place)
      kill()
    }
    let seconds = Double(DispatchTime.now().uptimeNanoseconds - started.uptimeNanoseconds) * 1e-9
    return Outcome(status: status ?? -1, output: output, seconds: seconds)
  }

  /// Polls a condition until it holds; false where the job ends first or the time is over.
  func wait(until condition: () -> Bool, limit: Double = 60) -> Bool {
    let end = DispatchTime.now() + limit
    while DispatchTime.now() < end {
      if condition() { return true }
      if hasEnded { return condition() }
      usleep(2000)
    }
    return false
  }

  /// SIGKILL to all processes of the session at once, as a node that fails.
  func kill() {
    while case let members = processes, !members.isEmpty {
      for process in members { Foundation.kill(process, SIGKILL) }
      _ = ends(within: 0.01)
    }
    _ = ends(within: 10)
  }

  /// A signal to the process that was started: mpirun, or the only rank.
  func signal(_ number: Int32) { Foundation.kill(session, number) }

  /// The process of a rank; nil before it has started.
  func process(ofRank rank: Int) -> pid_t? {
    processes.first { process in
      guard let bytes = FileManager.default.contents(atPath: "/proc/\(process)/environ") else { return false }
      return bytes.split(separator: 0).contains {
        String(decoding: $0, as: UTF8.self) == "OMPI_COMM_WORLD_RANK=\(rank)"
      }
    }
  }

  var output: String { FileManager.default.contents(atPath: log).map { String(decoding: $0, as: UTF8.self) } ?? "" }

  private func ends(within limit: Double) -> Bool {
    let end = DispatchTime.now() + limit
    while !hasEnded {
      if DispatchTime.now() > end { return false }
      usleep(5000)
    }
    return true
  }

  private var hasEnded: Bool {
    if status != nil { return true }
    var word: Int32 = 0
    guard waitpid(session, &word, WNOHANG) == session else { return false }
    status = word & 0x7f == 0 ? (word >> 8) & 0xff : 128 + (word & 0x7f)
    return true
  }

  /// All living processes of the session.
  private var processes: [pid_t] {
    let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return entries.compactMap { pid_t($0) }.filter { process in
      // PID (NAME) STATE PARENT GROUP SESSION ...; a name may hold anything, brackets too.
      guard let bytes = FileManager.default.contents(atPath: "/proc/\(process)/stat") else { return false }
      let fields = String(decoding: bytes, as: UTF8.self).split(separator: ")").last?.split(separator: " ") ?? []
      return fields.count > 3 && fields[3] == "\(session)" && fields[0] != "Z"
    }
  }
}
