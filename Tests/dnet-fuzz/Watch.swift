// The supervisor of the worker processes of a fuzzing run. An input that crashes or hangs a worker is named, saved and
// skipped.
import Foundation

struct Watch {
  let name: String
  let seed: UInt64
  let count: Int
  let processes: Int
  /// The folder for failing inputs.
  let failures: String
  /// The number of failures after which a decoder is given up.
  static let failureLimit = 10
  /// The time limit without progress in seconds, for inputs that hang. A worker limits its own processor time.
  static let patience = 60.0
  /// The polling interval in seconds. The time limit counts polls, because a clock would continue while all processes
  /// are suspended.
  static let glance = 0.005

  private final class Part {
    var numbers: Range<Int>
    let process = Process()
    let progress, tally: String
    var last = -1
    /// The time without progress, in seconds.
    var watched = 0.0

    init(_ numbers: Range<Int>, in folder: String) {
      self.numbers = numbers
      progress = folder + "/progress"
      tally = folder + "/tally"
    }

    var current: Int {
      (try? Data(contentsOf: URL(fileURLWithPath: progress))).map {
        $0.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
      } ?? numbers.lowerBound
    }
  }

  /// Prints a table. Returns the number of failures.
  func run() throws -> Int {
    let start = Date()
    let base = FileManager.default.fileExists(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
    let folder = "\(base)/dnet-fuzz-\(getpid())-\(name)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let slice = max(1000, (count + processes * 6 - 1) / (processes * 6))
    var waiting = stride(from: 0, to: count, by: slice).map { $0..<min($0 + slice, count) }.reversed() as [Range<Int>]
    var running: [Part] = []
    var counts: [String: Int] = [:]
    var (failed, started) = (0, 0)
    while !running.isEmpty || (!waiting.isEmpty && failed < Self.failureLimit) {
      while running.count < processes, failed < Self.failureLimit, let numbers = waiting.popLast() {
        started += 1
        running.append(try begin(numbers, "\(folder)/\(started)"))
      }
      usleep(UInt32(Self.glance * 1e6))
      for part in running where part.process.isRunning {
        let current = part.current
        part.watched = current == part.last ? part.watched + Self.glance : 0
        part.last = current
        if part.watched > Self.patience { kill(part.process.processIdentifier, SIGKILL) }
      }
      let ended = running.filter { !$0.process.isRunning }
      running.removeAll { part in ended.contains { $0 === part } }
      for part in ended {
        part.process.waitUntilExit()
        let said = (try? String(contentsOfFile: part.tally, encoding: .utf8)) ?? ""
        if part.process.terminationStatus == 0 && part.process.terminationReason == .exit {
          for line in said.split(separator: "\n") {
            let fields = line.split(separator: "\t", maxSplits: 1)
            counts[String(fields[1]), default: 0] += Int(fields[0])!
          }
        } else {
          failed += 1
          let number = part.current
          try report(number, part, said)
          if number + 1 < part.numbers.upperBound { waiting.append(number + 1..<part.numbers.upperBound) }
          if number > part.numbers.lowerBound { waiting.append(part.numbers.lowerBound..<number) }
        }
      }
    }
    printTable(counts, failed, seconds: -start.timeIntervalSinceNow)
    return failed
  }

  private func begin(_ numbers: Range<Int>, _ folder: String) throws -> Part {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let part = Part(numbers, in: folder)
    try Data(count: 4096).write(to: URL(fileURLWithPath: part.progress))
    part.process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    part.process.arguments = [
      "child", name, "\(seed)", "\(numbers.lowerBound)", "\(numbers.upperBound)", folder, part.progress, part.tally,
    ]
    var environment = ProcessInfo.processInfo.environment
    environment["SWIFT_BACKTRACE"] = "enable=no"
    part.process.environment = environment
    try part.process.run()
    return part
  }

  private func report(_ number: Int, _ part: Part, _ said: String) throws {
    try FileManager.default.createDirectory(atPath: failures, withIntermediateDirectories: true)
    let file = "\(failures)/\(name)-\(seed)-\(number)"
    let scratch = NSTemporaryDirectory() + "dnet-fuzz-\(getpid())"
    defer { try? FileManager.default.removeItem(atPath: scratch) }
    try FileManager.default.createDirectory(atPath: scratch, withIntermediateDirectories: true)
    let decoder = try FuzzedDecoders.make(name, scratch: scratch)!
    try Data(decoder.input(Mutation(seed: seed, decoder: name, number: number))).write(to: URL(fileURLWithPath: file))
    let what: String
    switch (part.process.terminationReason, part.process.terminationStatus) {
    case (.exit, 3): what = said.trimmingCharacters(in: .whitespacesAndNewlines)
    case (.uncaughtSignal, SIGKILL): what = "killed, after \(Self.patience) s without an end or for want of memory"
    case (.uncaughtSignal, let signal): what = "signal \(signal)"
    case (_, let status): what = "exit status \(status)"
    }
    print(
      "FAILED \(name), input \(number): \(what)\n  saved as \(file); "
        + "again: dnet-fuzz --decoder \(name) --seed \(seed) --only \(number)"
    )
    fflush(nil)
  }

  /// The outcomes, most frequent first.
  private func printTable(_ counts: [String: Int], _ failed: Int, seconds: Double) {
    var counts = counts
    let bytes = counts.removeValue(forKey: "bytes") ?? 0
    let inputs = counts.values.reduce(0, +)
    let accepted = counts.removeValue(forKey: "accepted") ?? 0
    func share(_ part: Int) -> String { String(format: "%5.1f %%", 100 * Double(part) / Double(max(inputs, 1))) }
    print(
      "\(name): \(inputs) inputs of \(bytes / max(inputs, 1)) bytes, \(Int(Double(inputs) / seconds)) a second, "
        + "\(Int(seconds.rounded())) s; \(failed) failed")
    print("  \(share(accepted))  accepted")
    let kinds = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    for (kind, count) in kinds.prefix(12) { print("  \(share(count))  \(kind)") }
    if kinds.count > 12 {
      print("  \(share(kinds.dropFirst(12).reduce(0) { $0 + $1.value }))  \(kinds.count - 12) other kinds")
    }
    fflush(nil)
  }
}
