// A command started as by a user: in a directory, with the settings of Launch/environment, and with a time limit. Each
// job is a session of its own, so that all its processes can be found and ended: mpirun puts each rank into its own
// process group, and killing the group of mpirun would leave the ranks alive.
import Foundation
import Testing

/// The suites that run the built commands, one test at a time, since each test uses all cores.
@Suite(.serialized) enum EndToEnd {}

enum Commands {
  /// The directory of the built commands, which is that of the program that runs the tests.
  static let folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().path

  static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

  /// Returns the path of `dnet` or `dnet-train`.
  static func path(_ name: String) throws -> String {
    let path = "\(folder)/\(name)"
    try #require(access(path, X_OK) == 0, "no \(name) in \(folder): run swift build -c release, or Launch/test")
    return path
  }

  /// Returns the words that start a command on this many ranks; nil starts it without mpirun, as the only rank.
  static func launcher(_ ranks: Int?) -> [String] {
    ranks.map { ["mpirun", "-n", "\($0)", "--bind-to", "none"] } ?? []
  }
}

/// The result of a job that has ended.
struct Outcome {
  /// The exit status as in a shell: 128 plus the number of the signal that ended the process.
  let status: Int32
  let output: String
  let seconds: Double

  var lines: [String] { output.split(separator: "\n").map(String.init) }

  /// The error messages of the commands, without those of mpirun.
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
  /// The directory for the session files of Open MPI. Jobs that share one can fail: at its end a job removes the common
  /// parent directory, while another one creates its own below it.
  private let mpiDirectory: String
  private let started = DispatchTime.now()
  private var status: Int32?

  /// Starts a command in a directory and writes its output to a file there.
  init(_ command: [String], in folder: String, log name: String = "job-\(UUID().uuidString).log") throws {
    log = "\(folder)/\(name)"
    mpiDirectory = "\(folder)/mpi-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: mpiDirectory, withIntermediateDirectories: true)
    let script = #"cd "$1" && . "$2/Launch/environment" && log=$3 && shift 3 && exec "$@" >"$log" 2>&1 </dev/null"#
    let words = ["bash", "-c", script, "bash", folder, Commands.repository, log] + command
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // The threads of the test runner block signals, and a child process would inherit that.
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    let newSession: Int16 = 0x80  // POSIX_SPAWN_SETSID, which glibc declares only with _GNU_SOURCE
    posix_spawnattr_setflags(&attributes, newSession | Int16(POSIX_SPAWN_SETSIGMASK))
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    // Without backtraces: the tests kill processes, and each would print megabytes.
    var environment: [UnsafeMutablePointer<CChar>?] =
      ProcessInfo.processInfo.environment.merging([
        "SWIFT_BACKTRACE": "enable=no", "OMPI_MCA_orte_tmpdir_base": mpiDirectory,
      ]) { $1 }
      .map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { (arguments + environment).forEach { free($0) } }
    var process: pid_t = 0
    let failure = posix_spawnp(&process, "bash", nil, &attributes, &arguments, &environment)
    try #require(failure == 0, "cannot start bash: \(String(cString: strerror(failure)))")
    session = process
  }

  deinit {
    if status == nil { kill() }
    try? FileManager.default.removeItem(atPath: mpiDirectory)
  }

  /// Waits for the end of the job. Kills it and fails the test if it is not over within the limit.
  @discardableResult
  func wait(limit: Double = 60, _ place: SourceLocation = #_sourceLocation) -> Outcome {
    if !ends(within: limit) {
      Issue.record("not over after \(limit) s: \(output.suffix(2000))", sourceLocation: place)
      kill()
    }
    let seconds = Double(DispatchTime.now().uptimeNanoseconds - started.uptimeNanoseconds) * 1e-9
    return Outcome(status: status ?? -1, output: output, seconds: seconds)
  }

  /// Polls a condition until it holds. Returns false if the job ends or the time limit passes first.
  func wait(until condition: () -> Bool, limit: Double = 60) -> Bool {
    let end = DispatchTime.now() + limit
    while DispatchTime.now() < end {
      if condition() { return true }
      if hasEnded { return condition() }
      usleep(2000)
    }
    return false
  }

  /// Sends SIGKILL to all processes of the session at once, like a failing node.
  func kill() {
    while case let members = processes, !members.isEmpty {
      for process in members { Foundation.kill(process, SIGKILL) }
      _ = ends(within: 0.01)
    }
    _ = ends(within: 10)
  }

  /// Sends a signal to the process that was started: mpirun, or the only rank.
  func signal(_ number: Int32) { Foundation.kill(session, number) }

  /// Returns the process of a rank, or nil before it has started.
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
      // PID (NAME) STATE PARENT GROUP SESSION ...; a name may contain any character, even brackets.
      guard let bytes = FileManager.default.contents(atPath: "/proc/\(process)/stat") else { return false }
      let fields = String(decoding: bytes, as: UTF8.self).split(separator: ")").last?.split(separator: " ") ?? []
      return fields.count > 3 && fields[3] == "\(session)" && fields[0] != "Z"
    }
  }
}
