// How many threads a rank may use: what the scheduler bound it to and gives it time for, not what the machine has.
import Foundation

package enum AvailableCores {
  /// The affinity mask as the kernel lists it, such as `0-3,8`; empty where it cannot be read.
  ///
  /// From `Cpus_allowed_list` (proc_pid_status(5)).
  package static var list: String { list(ofProcess: "self") }

  /// The same for another process, by its number.
  package static func list(ofProcess process: String) -> String {
    guard let status = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8),
      let line = status.split(separator: "\n").first(where: { $0.hasPrefix("Cpus_allowed_list:") })
    else { return "" }
    return line.dropFirst("Cpus_allowed_list:".count).trimmingCharacters(in: .whitespaces)
  }

  /// Cores in this process's affinity mask: what mpirun's binding, taskset or a cgroup's cpuset left it; without a mask,
  /// the cores that are online.
  package static var inMask: Int { count(inList: list) ?? ProcessInfo.processInfo.activeProcessorCount }

  /// Cores in the mask, or fewer where control groups give time for fewer.
  package static var count: Int { count(mask: inMask, quota: .here) }

  /// More threads than the quota's cores would stand still together for the rest of each period.
  package static func count(mask: Int, quota: CPUQuota?) -> Int { min(mask, quota?.threads ?? mask) }

  /// The number of cores in a list such as `0-3,8`; nil where the text is no such list.
  package static func count(inList text: some StringProtocol) -> Int? { numbers(inList: text)?.count }

  /// The cores of a list such as `0-3,8`; nil where the text is no such list.
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
