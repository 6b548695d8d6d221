// End-to-end tests of program start: on processors without the required instructions, and with unsuitable OpenBLAS
// kernels.
import Foundation
import Testing

extension EndToEnd {
  @Suite(.serialized) struct StartTests {
    /// The path of qemu's user mode, which emulates another processor (package qemu-user).
    private static var qemu: String? {
      #if arch(x86_64)
      ["/usr/bin/qemu-x86_64", "/usr/local/bin/qemu-x86_64"].first { access($0, X_OK) == 0 }
      #else
      nil
      #endif
    }

    @Test(
      "On a processor without the required instructions, commands fail with an explanation.",
      .enabled(if: StartTests.qemu != nil, "SKIPPED: needs x86-64 and qemu-x86_64; apt-get install qemu-user"),
      arguments: ["dnet", "dnet-train"])
    func missingInstructions(command: String) throws {
      let folder = try Folder()
      // Nehalem has neither AVX nor FMA; no build with acceptable speed runs there.
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

    /// This fails if OpenBLAS has no kernels for the processor at all.
    @Test(
      "OpenBLAS uses fast kernels although it misdetects the processor or OPENBLAS_CORETYPE is wrong.",
      arguments: [nil, "Prescott", "Sandybridge", "nonsense"])
    func openBLASKernels(setting: String?) throws {
      let folder = try Folder()
      let variable = setting.map { ["OPENBLAS_CORETYPE=\($0)"] } ?? []
      let outcome = try Job(
        ["env", "-u", "OPENBLAS_CORETYPE"] + variable + [Commands.path("dnet"), "doctor", "--json", "doctor.json"],
        in: folder.path
      ).wait()
      let bytes = try #require(FileManager.default.contents(atPath: folder.path + "/doctor.json"), "\(outcome.output)")
      let facts = try #require(try JSONSerialization.jsonObject(with: bytes) as? [String: Any])
      let core = try #require(facts["blas_core"] as? String)
      // The expected class follows from the flags that Linux reports, not from dnet's own detection.
      let flags = try Self.processorFlags()
      let compiled = Set(try #require(facts["compiled_instructions"] as? [String]))
      if flags.isSuperset(of: ["avx512f", "avx512bw", "avx512dq", "avx512vl"]) && compiled.contains("AVX512F") {
        #expect(["SkylakeX", "Cooperlake", "SapphireRapids"].contains(core))
      } else if flags.isSuperset(of: ["avx2", "fma"]) && compiled.contains("AVX2") {
        #expect(["Haswell", "Zen"].contains(core))
      }
      let errors = try #require(facts["errors"] as? [String])
      // Errors about speed are ignored, because other programs may use the core.
      #expect(!errors.contains { $0.hasPrefix("OpenBLAS uses its") }, "\(errors)")
    }

    @Test("A wrong OPENBLAS_CORETYPE does not change the weights.") func weightsWithWrongSetting() throws {
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

    /// A directory for the output of a command, removed at the end of the test.
    private final class Folder {
      let path = NSTemporaryDirectory() + "dnet-start-\(UUID().uuidString)"
      init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
      deinit { try? FileManager.default.removeItem(atPath: path) }
    }
  }
}
