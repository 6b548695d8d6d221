// A worker process of a fuzzing run, which generates and decodes a range of inputs.
import Foundation

enum Child {
  /// The limit of processor time per input, in seconds.
  static let secondsAllowed = 2.0
  /// The limit of memory beyond what the process has mapped at its start, in bytes.
  static let memoryAllowed: UInt64 = 1 << 30

  static var hasAddressSanitizer: Bool { dlsym(nil, "__asan_init") != nil }

  /// Decodes one input and describes the outcome in a few words. Throws `ContractBreach`.
  static func outcome(of bytes: [UInt8], _ decoder: any FuzzedDecoder) throws -> String {
    let start = clock_gettime_nsec()
    var outcome = "accepted"
    do { try decoder.decode(bytes) } catch let error as ContractBreach { throw error } catch {
      outcome = FuzzedDecoders.kind(error)
    }
    let seconds = Double(clock_gettime_nsec() - start) * 1e-9
    try ContractBreach.unless(seconds <= secondsAllowed, "it took \(seconds) s")
    try ContractBreach.unless(!outcome.lowercased().contains("memory"), "it needed too much memory: \(outcome)")
    return outcome
  }

  private static func clock_gettime_nsec() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
  }

  /// Works on `numbers`. The file `progress` holds the number of the current input, and `tally` gets the outcomes.
  static func run(_ name: String, seed: UInt64, numbers: Range<Int>, scratch: String, progress: String, tally: String)
    throws
  {
    let decoder = try FuzzedDecoders.make(name, scratch: scratch)!
    let descriptor = open(progress, O_RDWR | O_CLOEXEC)
    guard descriptor >= 0, let page = mmap(nil, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0),
      page != MAP_FAILED
    else {
      fatalError("cannot map \(progress)")
    }
    let current = page.assumingMemoryBound(to: Int.self)
    current[0] = numbers.lowerBound
    if !hasAddressSanitizer { limitMemory() }
    var counts: [String: Int] = [:]
    var bytes = 0
    for number in numbers {
      current[0] = number
      let input = decoder.input(Mutation(seed: seed, decoder: name, number: number))
      bytes += input.count
      do { counts[try outcome(of: input, decoder), default: 0] += 1 } catch let error as ContractBreach {
        try Data("\(error.what)\n".utf8).write(to: URL(fileURLWithPath: tally))
        exit(3)
      }
    }
    let lines = counts.sorted { $0.key < $1.key }.map { "\($0.value)\t\($0.key)\n" }.joined()
    try Data("\(bytes)\tbytes\n\(lines)".utf8).write(to: URL(fileURLWithPath: tally))
  }

  private static func limitMemory() {
    let pages =
      (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ").first.flatMap {
        UInt64($0)
      } ?? 0
    let bytes = pages * UInt64(sysconf(Int32(_SC_PAGESIZE))) + memoryAllowed
    var limit = rlimit(rlim_cur: rlim_t(bytes), rlim_max: rlim_t(bytes))
    setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
  }
}
