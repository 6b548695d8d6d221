// The facts that Linux reports about processor and memory in /proc and /sys.
import CProcessor
import Foundation

/// The processor and the memory of this machine.
package enum Processor {
  package static var name: String { field("model name", of: "/proc/cpuinfo") ?? "unknown" }

  /// The number of online cores, whether this process may use them or not.
  package static var online: Int { ProcessInfo.processInfo.processorCount }

  /// The number of hardware threads per core.
  package static var threadsPerCore: Int {
    let list = text("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list") ?? "0"
    return list.split(whereSeparator: { $0 == "," || $0 == "-" }).count
  }

  /// The vector instructions that this program was compiled for, and those that the processor offers.
  package static var compiledLevel: VectorLevel { VectorLevel(dnet_level(dnet_compiled())) }
  package static var offeredLevel: VectorLevel { VectorLevel(dnet_level(dnet_available())) }

  /// Returns the names of a set of instructions, such as AVX2.
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

  /// The bytes of the last cache level, or 32 MiB if unknown.
  package static var largestCacheBytes: Int {
    let sizes = (0..<5).compactMap { text("/sys/devices/system/cpu/cpu0/cache/index\($0)/size") }.compactMap { size in
      Int(size.dropLast()).map { size.hasSuffix("M") ? $0 << 20 : $0 << 10 }
    }
    return sizes.max() ?? 32 << 20
  }

  /// The setting of transparent huge pages of 2 MiB: `always`, `madvise` or `never`.
  package static var hugePages: String {
    let setting = text("/sys/kernel/mm/transparent_hugepage/enabled") ?? ""
    return setting.split(separator: " ").first { $0.hasPrefix("[") }.map { String($0.dropFirst().dropLast()) }
      ?? "unknown"
  }

  package static var memoryBytes: Int { kilobytes("MemTotal", of: "/proc/meminfo") ?? 0 }

  /// The bytes that this process may still use: the free memory, or less if the control group limits it.
  package static var availableMemoryBytes: Int {
    let free = kilobytes("MemAvailable", of: "/proc/meminfo") ?? 0
    guard let limit = text("/sys/fs/cgroup/memory.max").flatMap({ Int($0) }) else { return free }
    return min(free, max(limit - (text("/sys/fs/cgroup/memory.current").flatMap { Int($0) } ?? 0), 0))
  }

  /// The peak resident memory of this process.
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
