// The number of threads that a rank may use, from its affinity mask and its CPU quota rather than from the machine.
import Foundation

/// The cores available to this process.
package enum AvailableCores {
  /// The affinity mask as the kernel lists it, such as `0-3,8`, or an empty text if it cannot be read.
  ///
  /// From `Cpus_allowed_list` (proc_pid_status(5)).
  package static var list: String { list(ofProcess: "self") }

  /// Returns the affinity mask of another process, given by its number.
  package static func list(ofProcess process: String) -> String {
    guard let status = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8),
      let line = status.split(separator: "\n").first(where: { $0.hasPrefix("Cpus_allowed_list:") })
    else { return "" }
    return line.dropFirst("Cpus_allowed_list:".count).trimmingCharacters(in: .whitespaces)
  }

  /// The number of cores in this process's affinity mask, as set by mpirun's binding, taskset or a cpuset. Without a
  /// mask, the number of online cores.
  package static var inMask: Int { count(inList: list) ?? ProcessInfo.processInfo.activeProcessorCount }

  /// The number of cores in the mask, or fewer if a control group limits the CPU time to fewer.
  package static var count: Int { count(mask: inMask, quota: .here) }

  /// Returns the lesser of mask and quota. More threads than the quota allows would all be paused for part of each
  /// period.
  package static func count(mask: Int, quota: CPUQuota?) -> Int { min(mask, quota?.threads ?? mask) }

  /// Returns the number of cores in a list such as `0-3,8`, or nil if the text is not such a list.
  package static func count(inList text: some StringProtocol) -> Int? { numbers(inList: text)?.count }

  /// Returns the cores of a list such as `0-3,8`, or nil if the text is not such a list.
  package static func numbers(inList text: some StringProtocol) -> [Int]? {
    var numbers: [Int] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false).map {
        Int($0.trimmingCharacters(in: .whitespaces))
      }
      guard let first = ends.first ?? nil, let last = ends.last ?? nil, first <= last, ends.count <= 2 else {
        return nil
      }
      numbers += first...last
    }
    return numbers.isEmpty ? nil : numbers
  }
}
