// The first moments of the built commands: on processors that lack their instructions, and with wrong kernels of OpenBLAS.
import Foundation
import Testing

extension EndToEnd {
  @Suite(.serialized) struct StartTests {
    /// qemu's user mode shows programs another processor than the machine's: Debian's qemu-user.
    private static var qemu: String? {
      #if arch(x86_64)
      ["/usr/bin/qemu-x86_64", "/usr/local/bin/qemu-x86_64"].first { access($0, X_OK) == 0 }
      #else
      nil
      #endif
    }

    /// No command may die of an illegal instruction, nor be taken for one that ran.
    @Test(
      .enabled(if: StartTests.qemu != nil, "SKIPPED: needs x86-64 and qemu-x86_64; apt-get install qemu-user"),
      arguments: ["dnet", "dnet-train"])
    func commandsRefuseProcessorsWithoutTheirInstructions(command: String) throws {
      let folder = try Folder()
      // Nehalem has neither AVX nor FMA; no build that trains at a bearable speed runs there.
      let outcome = try Job(
        [Self.qemu!, "-cpu", "Nehalem", Commands.path(command), "--version"], in: folder.path
      ).wait()
      #expect(outcome.status == 1, "\(outcome.output)")
      let lines = outcome.lines.filter { $0.contains("qemu") == false }
      #expect(lines.count == 2, "\(outcome.output)")
      #expect(
        lines.first?.hasPrefix("\(command): compiled for instructions that the processor of ") == true,
        "\(outcome.output)")
      #expect(lines.first?.contains("AVX, AVX2, FMA") == true)
      #expect(lines.last?.contains("DNET_MARCH=x86-64-v2 Launch/setup") == true)
    }

    /// A fast machine must not end up with slow kernels, whatever the library made of its processor and whatever the
    /// environment says by mistake. This fails where OpenBLAS has no kernels for the processor at all.
    @Test(arguments: [nil, "Prescott", "Sandybridge", "nonsense"])
    func openBLASUsesTheProcessor(setting: String?) throws {
      let folder = try Folder()
      let variable = setting.map { ["OPENBLAS_CORETYPE=\($0)"] } ?? []
      let outcome = try Job(
        ["env", "-u", "OPENBLAS_CORETYPE"] + variable + [Commands.path("dnet"), "doctor", "--json", "doctor.json"],
        in: folder.path
      ).wait()
      let bytes = try #require(FileManager.default.contents(atPath: folder.path + "/doctor.json"), "\(outcome.output)")
      let facts = try #require(try JSONSerialization.jsonObject(with: bytes) as? [String: Any])
      let core = try #require(facts["blas_core"] as? String)
      // The classes by the kernel's reading of the processor, not by dnet's.
      let flags = try Self.processorFlags()
      let compiled = Set(try #require(facts["compiled_instructions"] as? [String]))
      if flags.isSuperset(of: ["avx512f", "avx512bw", "avx512dq", "avx512vl"]) && compiled.contains("AVX512F") {
        #expect(["SkylakeX", "Cooperlake", "SapphireRapids"].contains(core))
      } else if flags.isSuperset(of: ["avx2", "fma"]) && compiled.contains("AVX2") {
        #expect(["Haswell", "Zen"].contains(core))
      }
      let errors = try #require(facts["errors"] as? [String])
      // Slowness is not looked at: other programs may use the core.
      #expect(!errors.contains { $0.hasPrefix("OpenBLAS uses its") }, "\(errors)")
    }

    /// What the fast kernels are for: the very weights of a run with a clean environment.
    @Test func theWeightsDoNotKnowOfABadSetting() throws {
      let workplace = try Workplace()
      let settings = Workplace.settings.flatMap { ["--set", $0] }
      let configuration = Commands.repository + "/Configs/synthetic/tiny.yaml"
      let outcome = try Job(
        ["env", "OPENBLAS_CORETYPE=Prescott", Commands.path("dnet-train"), configuration, "--output", "run"] + settings,
        in: workplace.path
      ).wait()
      #expect(outcome.status == 0, "\(outcome.output)")
      #expect(try workplace.summary("run").weightsDigest == Workplace.digest.get())
    }

    private static func processorFlags() throws -> Set<String> {
      let cpuinfo = try String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)
      let line = cpuinfo.split(separator: "\n").first { $0.hasPrefix("flags") } ?? ""
      return Set(line.split(separator: " ").map(String.init))
    }

    /// A folder for a command's output, removed at the test's end.
    private final class Folder {
      let path = NSTemporaryDirectory() + "dnet-start-\(UUID().uuidString)"
      init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
      deinit { try? FileManager.default.removeItem(atPath: path) }
    }
  }
}
