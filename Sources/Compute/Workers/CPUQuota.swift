// The time that control groups leave this process: containers and schedulers limit it without touching the affinity mask.
import Foundation

/// Cores' worth of time, and the control group that says so: all processes in it share that time.
package struct CPUQuota: Sendable, Equatable {
  /// Quota over period; 1.5 is one and a half cores' time.
  package let cores: Double
  /// The folder of the group whose limit is the least.
  package let group: String

  package init(cores: Double, group: String) {
    self.cores = cores
    self.group = group
  }

  /// Threads that the quota keeps busy: whole cores, at least one.
  package var threads: Int { max(Int(cores), 1) }

  /// Of this process; nil without a limit.
  package static var here: CPUQuota? {
    let groups = (try? String(contentsOfFile: "/proc/self/cgroup", encoding: .utf8)) ?? ""
    return least(groups: groups, mount: "/sys/fs/cgroup")
  }

  /// The least quota from this process's groups up to the root of each hierarchy; nil where none has one.
  ///
  /// `groups` is the text of /proc/self/cgroup (cgroups(7)), lines of `hierarchy:controllers:path`. Version 2 has one line
  /// `0::path` and limits in `cpu.max`; version 1 a hierarchy with the controller `cpu` and limits in `cpu.cfs_quota_us`
  /// and `cpu.cfs_period_us`. Inside a container the path may be one of the host, which is not mounted: missing folders are
  /// passed over, and the root that is mounted is the container's own.
  package static func least(groups: String, mount: String) -> CPUQuota? {
    var found: [CPUQuota] = []
    for line in groups.split(separator: "\n") {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
      guard fields.count == 3 else { continue }
      let controllers = fields[1].split(separator: ",").map(String.init)
      let roots: [String]
      if fields[0] == "0" && controllers.isEmpty {
        // `unified` where version 1 is mounted beside it.
        roots = [mount, "\(mount)/unified"]
      } else if controllers.contains("cpu") {
        roots = ["\(mount)/\(fields[1])", "\(mount)/cpu"]
      } else {
        continue
      }
      // A group outside of a container's namespace is written as /../name.
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

  /// Cores of `quota period` in microseconds, such as `150000 100000`; nil for `max`, for -1, and for what is no limit.
  package static func quota(ofLimit text: String) -> Double? {
    let parts = text.split(whereSeparator: \.isWhitespace)
    guard parts.count == 2, let quota = Int(parts[0]), let period = Int(parts[1]), quota > 0, period > 0 else {
      return nil
    }
    return Double(quota) / Double(period)
  }
}
