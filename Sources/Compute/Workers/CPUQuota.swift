// The CPU time that control groups allow this process. Containers and schedulers limit it without an affinity mask.
import Foundation

/// A limit of CPU time in cores, and the control group that sets it. All processes of the group share that time.
package struct CPUQuota: Sendable, Equatable {
  /// Quota over period, such as 1.5 for the time of one and a half cores.
  package let cores: Double
  /// The directory of the group with the least limit.
  package let group: String

  package init(cores: Double, group: String) {
    self.cores = cores
    self.group = group
  }

  /// The number of threads that the quota keeps busy: whole cores, at least one.
  package var threads: Int { max(Int(cores), 1) }

  /// The quota of this process, or nil without a limit.
  package static var here: CPUQuota? {
    let groups = (try? String(contentsOfFile: "/proc/self/cgroup", encoding: .utf8)) ?? ""
    return least(groups: groups, mount: "/sys/fs/cgroup")
  }

  /// Returns the least quota from this process's groups up to the root of each hierarchy, or nil if none has a quota.
  ///
  /// `groups` is the text of /proc/self/cgroup (cgroups(7)), lines of `hierarchy:controllers:path`. Version 2 has one
  /// line `0::path` and limits in `cpu.max`. Version 1 has a hierarchy with the controller `cpu` and limits in
  /// `cpu.cfs_quota_us` and `cpu.cfs_period_us`. Inside a container the path may be one of the host, which is not
  /// mounted. Missing directories are skipped, and the mounted root is the container's own.
  package static func least(groups: String, mount: String) -> CPUQuota? {
    var found: [CPUQuota] = []
    for line in groups.split(separator: "\n") {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
      guard fields.count == 3 else { continue }
      let controllers = fields[1].split(separator: ",").map(String.init)
      let roots: [String]
      if fields[0] == "0" && controllers.isEmpty {
        // The directory is `unified` if version 1 is mounted beside it.
        roots = [mount, "\(mount)/unified"]
      } else if controllers.contains("cpu") {
        roots = ["\(mount)/\(fields[1])", "\(mount)/cpu"]
      } else {
        continue
      }
      // The kernel writes a group outside of the container's namespace as /../name.
      var path = fields[2].split(separator: "/").map(String.init).filter { $0 != ".." && $0 != "." }
      while true {
        for root in roots {
          let group = ([root] + path).joined(separator: "/")
          if let cores = quota(inGroup: group) { found.append(CPUQuota(cores: cores, group: group)) }
        }
        if path.popLast() == nil { break }
      }
    }
    return found.min { $0.cores < $1.cores }
  }

  private static func quota(inGroup group: String) -> Double? {
    func text(_ file: String) -> String? { try? String(contentsOfFile: "\(group)/\(file)", encoding: .utf8) }
    if let limit = text("cpu.max") { return quota(ofLimit: limit) }
    guard let quota = text("cpu.cfs_quota_us"), let period = text("cpu.cfs_period_us") else { return nil }
    return self.quota(ofLimit: "\(quota) \(period)")
  }

  /// Returns the cores of `quota period` in microseconds, such as `150000 100000`, or nil for `max`, -1 and any other
  /// text.
  package static func quota(ofLimit text: String) -> Double? {
    let parts = text.split(whereSeparator: \.isWhitespace)
    guard parts.count == 2, let quota = Int(parts[0]), let period = Int(parts[1]), quota > 0, period > 0 else {
      return nil
    }
    return Double(quota) / Double(period)
  }
}
