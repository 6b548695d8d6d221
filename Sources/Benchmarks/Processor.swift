// What Linux says of processor and memory: /proc and /sys, read as text.
import CProcessor
import Foundation

package enum Processor {
  package static var name: String { field("model name", of: "/proc/cpuinfo") ?? "unknown" }

  /// Cores that the machine has online, whether this process may use them or not.
  package static var online: Int { ProcessInfo.processInfo.processorCount }

  /// Hardware threads that share a core; 1 without them.
  package static var threadsPerCore: Int {
    let list = text("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list") ?? "0"
    return list.split(whereSeparator: { $0 == "," || $0 == "-" }).count
  }

  /// The vector instructions that this program was compiled for, and those that the processor offers.
  package static var compiledLevel: VectorLevel { VectorLevel(dnet_level(dnet_compiled())) }
  package static var offeredLevel: VectorLevel { VectorLevel(dnet_level(dnet_available())) }

  /// Names of the instructions that this program may use and the processor does not have. The program ends at its start
  /// where there are any (CProcessor/start.c).
  package static func missingInstructions(compiled: UInt64, available: UInt64) -> [String] {
    names(dnet_missing(compiled, available))
  }

  /// Names of a set of instructions, such as AVX2.
  package static func names(_ instructions: UInt64) -> [String] {
    var names: [String] = []
    var left = instructions
    while let name = dnet_first_name(left) {
      names.append(String(cString: name))
      left &= ~dnet_instruction(name)
    }
    return names
  }

  package static var compiledInstructions: UInt64 { dnet_compiled() }
  package static var availableInstructions: UInt64 { dnet_available() }

  /// Bytes of the last cache level; 32 MiB where the system does not say.
  package static var largestCacheBytes: Int {
    let sizes = (0..<5).compactMap { text("/sys/devices/system/cpu/cpu0/cache/index\($0)/size") }.compactMap { size in
      Int(size.dropLast()).map { size.hasSuffix("M") ? $0 << 20 : $0 << 10 }
    }
    return sizes.max() ?? 32 << 20
  }

  /// `always`, `madvise` or `never`: whether memory may come in pages of 2 MiB.
  package static var hugePages: String {
    let setting = text("/sys/kernel/mm/transparent_hugepage/enabled") ?? ""
    return setting.split(separator: " ").first { $0.hasPrefix("[") }.map { String($0.dropFirst().dropLast()) }
      ?? "unknown"
  }

  package static var memoryBytes: Int { kilobytes("MemTotal", of: "/proc/meminfo") ?? 0 }

  /// Bytes that this process may still take: what is free, or less where the control group says so.
  package static var availableMemoryBytes: Int {
    let free = kilobytes("MemAvailable", of: "/proc/meminfo") ?? 0
    guard let limit = text("/sys/fs/cgroup/memory.max").flatMap({ Int($0) }) else { return free }
    return min(free, max(limit - (text("/sys/fs/cgroup/memory.current").flatMap { Int($0) } ?? 0), 0))
  }

  /// The most memory that this process has had resident so far.
  package static var peakMemoryBytes: Int { kilobytes("VmHWM", of: "/proc/self/status") ?? 0 }

  private static func text(_ path: String) -> String? {
    (try? String(contentsOfFile: path, encoding: .utf8))?.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  private static func field(_ name: String, of path: String) -> String? {
    text(path)?.split(separator: "\n").first { $0.hasPrefix(name) }?.split(separator: ":").last
      .map { $0.trimmingCharacters(in: .whitespaces) }
  }

  private static func kilobytes(_ name: String, of path: String) -> Int? {
    field(name, of: path).flatMap { $0.split(separator: " ").first }.flatMap { Int($0) }.map { $0 << 10 }
  }
}

/// How wide the processor's arithmetic is, as far as it matters here.
package enum VectorLevel: Int32, Sendable, Comparable {
  /// Not x86-64: nothing is known.
  case other = -1
  case baseline = 0
  case avx2 = 1
  case avx512 = 2

  init(_ level: Int32) { self = VectorLevel(rawValue: level) ?? .other }

  package var text: String {
    switch self {
    case .other: "not x86-64"
    case .baseline: "x86-64 without AVX2 and FMA"
    case .avx2: "AVX2 with FMA"
    case .avx512: "AVX-512"
    }
  }

  package static func < (a: VectorLevel, b: VectorLevel) -> Bool { a.rawValue < b.rawValue }
}
