// Tests of the determinism contract across hosts, and of their launcher, Launch/hosts-on-one-machine.
import Foundation
import Testing

enum HostsOnOneMachine {
  static let launcher = Commands.repository + "/Launch/hosts-on-one-machine"

  /// True if this machine can create namespaces, a bridge and links of limited rate.
  static let works: Bool = {
    let job = try? Job([launcher, "--check", "--hosts", "4", "--rate", "1gbit"], in: NSTemporaryDirectory())
    return job?.wait().status == 0
  }()
}

extension EndToEnd {
  @Suite(
    .serialized,
    .enabled(
      if: HostsOnOneMachine.works,
      "SKIPPED: this machine cannot run several hosts; Launch/hosts-on-one-machine --check prints what it lacks"
    ))
  struct HostsTests {

    private func start(
      _ workplace: Workplace, _ run: String, hosts: Int, ranks: Int = 1, set: [String] = [], _ more: [String] = []
    ) throws -> Job {
      let settings = (Workplace.settings + set).flatMap { ["--set", $0] }
      return try Job(
        [
          "env", "DNET_TEST_HOSTS=\(workplace.path)/\(run)", HostsOnOneMachine.launcher, "--hosts", "\(hosts)",
          "--ranks-per-host", "\(ranks)",
        ] + more
          + ["--", Commands.path("dnet-train"), Commands.repository + "/Configs/synthetic/tiny.yaml", "--output", run]
          + settings,
        in: workplace.path)
    }

    private struct Counters: Codable {
      struct Host: Codable {
        var name: String
        var received_bytes: Int
        var sent_bytes: Int
      }
      var seconds: Double
      var status: Int
      var hosts: [Host]
    }

    private func counters(_ workplace: Workplace, _ name: String) throws -> Counters {
      try JSONDecoder().decode(Counters.self, from: Data(try workplace.read(name)))
    }

    @Test("The weights do not depend on the number of hosts.")
    func weightsAreIndependentOfHosts() throws {
      let workplace = try Workplace()
      for (hosts, ranks) in [(1, 2), (2, 2), (3, 1), (4, 2)] {
        let run = "run-\(hosts)-\(ranks)"
        let outcome = try start(workplace, run, hosts: hosts, ranks: ranks, ["--counters", "\(run).json"]).wait(
          limit: 120)
        #expect(outcome.status == 0, "\(hosts) hosts of \(ranks): \(outcome.output)")
        let summary = try workplace.summary(run)
        #expect(
          try summary.ranks == hosts * ranks && summary.weightsDigest == Workplace.digest.get(),
          "\(hosts) hosts of \(ranks)")
        // The report has a row for each host.
        for host in 1...hosts {
          #expect(
            outcome.lines.contains { $0.hasPrefix("host\(host) ") || $0.hasPrefix("host\(host): ") },
            "\(outcome.output)")
        }
        // Messages between ranks of one host do not pass its interface; messages between hosts must.
        let traffic = try counters(workplace, "\(run).json")
        #expect(traffic.hosts.map(\.name) == (1...hosts).map { "host\($0)" } && traffic.status == 0)
        for host in traffic.hosts {
          #expect((host.sent_bytes > 1_000_000) == (hosts > 1), "\(host)")
          #expect((host.received_bytes > 1_000_000) == (hosts > 1), "\(host)")
        }
      }
    }

    @Test("A link carries no more than the requested rate.")
    func linkRateIsLimited() throws {
      let workplace = try Workplace()
      let outcome = try start(workplace, "run", hosts: 2, ["--rate", "10mbit", "--counters", "bytes.json"]).wait(
        limit: 120)
      #expect(outcome.status == 0, "\(outcome.output)")
      #expect(try workplace.summary("run").weightsDigest == Workplace.digest.get())
      let traffic = try counters(workplace, "bytes.json")
      let burst = 131_072
      for host in traffic.hosts {
        for bytes in [host.sent_bytes, host.received_bytes] {
          #expect(Double(bytes - burst) * 8 / traffic.seconds < 10.3e6, "\(host) in \(traffic.seconds) s")
        }
      }
    }

    @Test("The launcher returns the status of the command, and 2 for a wrong command line.")
    func statusIsThatOfTheCommand() throws {
      let workplace = try Workplace()
      let wrong = try start(workplace, "run", hosts: 2, set: ["network.width=-1"]).wait()
      #expect(wrong.status == 1 && wrong.complaints.count == 1, "\(wrong.output)")
      let none = try Job([HostsOnOneMachine.launcher, "--hosts", "2"], in: workplace.path).wait()
      #expect(none.status == 2 && none.output.contains("no command"), "\(none.output)")
      let many = try Job([HostsOnOneMachine.launcher, "--hosts", "65", "--", "true"], in: workplace.path).wait()
      #expect(many.status == 2 && many.output.contains("'65'"), "\(many.output)")
    }

    // MARK: Cleaning up

    enum End: String, CaseIterable {
      case launcherKilled, launcherTerminated, launcherInterrupted, mpirunKilled, daemonKilled, rankKilled
    }

    @Test("No process and no namespace remains, whichever process is killed.")
    func nothingIsLeftBehind() throws {
      let before = Self.namedNamespaces
      let workplace = try Workplace()
      // All runs at the same time: they must not interfere with each other.
      let jobs = try End.allCases.map {
        ($0, try start(workplace, $0.rawValue, hosts: 2, set: ["classification.iterations=100000"]))
      }
      for (end, job) in jobs {
        let run = end.rawValue
        #expect(job.wait { workplace.metrics(run).count > 2 }, "\(run): \(job.output)")
        let processes = Self.processes(of: workplace, run)
        #expect(
          Set(processes.compactMap { Self.network(of: $0.number) }).count == 4, "the machine, the switch, two hosts")
        func kill(_ name: String) throws {
          let process = try #require(processes.last { $0.name == name }, "no \(name) among \(processes)")
          Foundation.kill(process.number, SIGKILL)
        }
        switch end {
        case .launcherKilled: job.signal(SIGKILL)
        case .launcherTerminated: job.signal(SIGTERM)
        case .launcherInterrupted: job.signal(SIGINT)
        case .mpirunKilled: try kill("mpirun")
        case .daemonKilled: try kill("orted")
        case .rankKilled: try kill("dnet-train")
        }
      }
      for (end, job) in jobs {
        let outcome = job.wait(limit: 30)
        #expect(outcome.status != 0, "\(end): \(outcome.output)")
        let deadline = DispatchTime.now() + 5
        while !Self.processes(of: workplace, end.rawValue).isEmpty && DispatchTime.now() < deadline { usleep(20_000) }
        #expect(Self.processes(of: workplace, end.rawValue).isEmpty, "\(end)")
      }
      #expect(Self.namedNamespaces == before)
    }

    /// The living processes of a run, found by the variable that all of them inherit.
    private static func processes(of workplace: Workplace, _ run: String) -> [(number: pid_t, name: String)] {
      let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
      return entries.compactMap { pid_t($0) }.sorted().compactMap { number in
        guard let bytes = FileManager.default.contents(atPath: "/proc/\(number)/environ"),
          bytes.split(separator: 0).contains(where: {
            String(decoding: $0, as: UTF8.self) == "DNET_TEST_HOSTS=\(workplace.path)/\(run)"
          }),
          let name = FileManager.default.contents(atPath: "/proc/\(number)/comm")
        else { return nil }
        return (number, String(decoding: name, as: UTF8.self).trimmingCharacters(in: .newlines))
      }
    }

    private static func network(of process: pid_t) -> String? {
      try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/ns/net")
    }

    /// The number of namespaces that a mount keeps without a process, as `ip netns` does.
    private static var namedNamespaces: Int {
      let mounts = (try? String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)) ?? ""
      return mounts.split(separator: "\n").count { $0.contains(" nsfs ") }
    }
  }
}
