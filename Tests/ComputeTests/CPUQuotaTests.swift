// Control groups as temporary directories in the layouts of systemd, Slurm and container runtimes.
import Compute
import Foundation
import Testing

@Suite struct CPUQuotaTests {
  /// A temporary copy of /sys/fs/cgroup.
  private final class Groups {
    let mount = NSTemporaryDirectory() + "dnet-cgroup-\(UUID().uuidString)"

    init(_ files: [String: String]) throws {
      for (name, text) in files {
        let url = URL(fileURLWithPath: "\(mount)/\(name)")
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
      }
    }

    deinit { try? FileManager.default.removeItem(atPath: mount) }

    func least(_ groups: String) -> (Double, String)? {
      CPUQuota.least(groups: groups, mount: mount).map { ($0.cores, String($0.group.dropFirst(mount.count))) }
    }
  }

  @Test(
    "A limit is the quota over the period.",
    arguments: [
      ("max 100000\n", nil), ("150000 100000\n", 1.5), ("800000 100000", 8), ("50000 100000\n", 0.5),
      ("-1 100000", nil),
      ("", nil), ("100000", nil), ("0 100000", nil), ("100000 0", nil), ("a b", nil), ("400000\n 100000\n", 4),
    ] as [(String, Double?)])
  func limitsAreRead(text: String, cores: Double?) { #expect(CPUQuota.quota(ofLimit: text) == cores) }

  @Test("Threads are whole cores, at least one.", arguments: [(0.2, 1), (1, 1), (1.99, 1), (2, 2), (7.5, 7)])
  func threadsAreWholeCores(cores: Double, threads: Int) {
    #expect(CPUQuota(cores: cores, group: "").threads == threads)
  }

  @Test("In version 2 the least limit on the path to the root counts.") func theLeastOnTheWayUpCountsInVersion2() throws
  {
    let groups = try Groups([
      "cpu.max": "max 100000", "system.slice/cpu.max": "300000 100000", "system.slice/job_7/cpu.max": "600000 100000",
      "system.slice/job_7/step_0/cpu.max": "max 100000", "user.slice/cpu.max": "100000 100000",
    ])
    #expect(try #require(groups.least("0::/system.slice/job_7/step_0\n")) == (3, "/system.slice"))
    #expect(try #require(groups.least("0::/user.slice\n")) == (1, "/user.slice"))
    #expect(groups.least("0::/\n") == nil)
    #expect(groups.least("") == nil)
  }

  @Test("A container with its own namespace finds its limit at the mounted root.")
  func containersSeeTheirLimitAtTheRoot() throws {
    let groups = try Groups(["cpu.max": "250000 100000"])
    for path in ["/", "/../../docker-1234", "/docker/1234/of/the/host"] {
      #expect(try #require(groups.least("0::\(path)\n")) == (2.5, ""), "\(path)")
    }
  }

  @Test("Version 1 has a hierarchy for the CPU controller.") func version1HasAHierarchyForTheProcessor() throws {
    let files = [
      "cpu.cfs_quota_us": "-1\n", "slurm/cpu.cfs_quota_us": "400000\n", "slurm/job/cpu.cfs_quota_us": "-1\n",
    ]
    let periods = [
      "cpu.cfs_period_us": "100000\n", "slurm/cpu.cfs_period_us": "100000\n", "slurm/job/cpu.cfs_period_us": "100000\n",
    ]
    let lines = "12:memory:/slurm/job\n4:cpu,cpuacct:/slurm/job\n1:name=systemd:/slurm/job\n0::/\n"
    for folder in ["cpu,cpuacct", "cpu"] {
      let all = files.merging(periods) { $1 }
      let groups = try Groups(Dictionary(uniqueKeysWithValues: all.map { ("\(folder)/\($0)", $1) }))
      #expect(try #require(groups.least(lines)) == (4, "/\(folder)/slurm"))
      #expect(groups.least("12:memory:/slurm/job\n5:cpuset:/slurm/job\n") == nil)
    }
  }

  /// Version 2 is mounted beside version 1, without the CPU controller.
  @Test("A hybrid of both versions uses the one with a limit.") func hybridsHaveBoth() throws {
    let groups = try Groups([
      "unified/a/cpu.max": "200000 100000", "cpu/a/cpu.cfs_quota_us": "700000", "cpu/a/cpu.cfs_period_us": "100000",
    ])
    #expect(try #require(groups.least("2:cpu:/a\n0::/a\n")) == (2, "/unified/a"))
    #expect(try #require(groups.least("2:cpu:/a\n0::/b\n")) == (7, "/cpu/a"))
  }

  @Test("The number of cores is the lesser of mask and quota.") func coresAreTheLesserOfMaskAndQuota() {
    func count(_ mask: Int, _ quota: Double?) -> Int {
      AvailableCores.count(mask: mask, quota: quota.map { CPUQuota(cores: $0, group: "") })
    }
    #expect(count(8, nil) == 8)
    #expect(count(8, 2.5) == 2)
    #expect(count(2, 8) == 2)
    #expect(count(4, 0.3) == 1)
  }
}
