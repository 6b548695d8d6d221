// The check of the processor at start, with instruction sets of other processors.
import Benchmarks
import CProcessor
import Foundation
import Testing

struct ProcessorTests {
  private static func set(_ names: String) -> UInt64 {
    names.split(separator: " ").reduce(0) { bits, name in
      let bit = dnet_instruction(String(name))
      #expect(bit != 0 && bits & bit == 0, "\(name)")
      return bits | bit
    }
  }

  /// The levels of the x86-64 psABI, as compilers' -march takes them.
  private static let v2 = "SSE3 SSSE3 SSE4.1 SSE4.2 POPCNT CMPXCHG16B LAHF"
  private static let v3 = v2 + " AVX AVX2 FMA F16C BMI BMI2 LZCNT MOVBE"
  private static let v4 = v3 + " AVX512F AVX512CD AVX512BW AVX512DQ AVX512VL"
  private static let zen4 =
    v4 + " AVX512IFMA AVX512VBMI AVX512VBMI2 AVX512VNNI AVX512BITALG AVX512VPOPCNTDQ AVX512BF16 GFNI"

  @Test(
    "Missing instructions are named.",
    arguments: [
      (v3, v3, ""), (v3, v4, ""), ("", v2, ""), (zen4, zen4, ""),
      (v3, v2, "AVX AVX2 FMA F16C BMI BMI2 LZCNT MOVBE"),
      (v4, v3, "AVX512F AVX512CD AVX512BW AVX512DQ AVX512VL"),
      (zen4, v4, "GFNI AVX512IFMA AVX512VBMI AVX512VBMI2 AVX512VNNI AVX512BITALG AVX512VPOPCNTDQ AVX512BF16"),
      // A hypervisor that hides one of them.
      (v4, v4.replacing(" AVX512DQ", with: ""), "AVX512DQ"),
    ])
  func missingInstructionsAreNamed(compiled: String, available: String, missing: String) {
    let found = Processor.names(dnet_missing(Self.set(compiled), Self.set(available)))
    #expect(found == missing.split(separator: " ").map(String.init))
  }

  private func refusal(_ compiled: String, _ available: String, size: Int = 1024) -> String {
    var text = [CChar](repeating: 1, count: size)
    let length = dnet_refusal(&text, size, "dnet-train", "node7", Self.set(compiled), Self.set(available))
    #expect(length < size && (length == 0 || text[length] == 0))
    return String(decoding: text[..<length].map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  @Test("The refusal names what is missing and what to do.") func theRefusalSaysWhatIsMissingAndWhatToDo() {
    #expect(refusal(Self.v4, Self.zen4).isEmpty)
    #if arch(x86_64)
    #expect(
      refusal(Self.v4, Self.v3) == """
        dnet-train: compiled for instructions that the processor of node7 does not have: AVX512F, AVX512CD, AVX512BW, \
        AVX512DQ, AVX512VL
        Build it for what all machines of a run have: DNET_MARCH=x86-64-v3 Launch/setup, or DNET_MARCH=native for this \
        one alone

        """)
    #expect(refusal(Self.zen4, Self.v4).contains("DNET_MARCH=x86-64-v4 "))
    let old = refusal(Self.v3, Self.v2)
    #expect(old.contains("DNET_MARCH=x86-64-v2 ") && old.contains("many times slower"))
    // A text that does not fit is cut.
    #expect(refusal(Self.zen4, Self.v2, size: 40).count == 39)
    #endif
  }

  @Test("Levels follow from instructions.") func levelsFollowFromInstructions() {
    #if arch(x86_64)
    for (names, level) in [
      ("", 0), (Self.v2, 0), (Self.v3, 1), (Self.v4, 2), (Self.zen4, 2), (Self.v2 + " AVX AVX2", 0),
    ] {
      #expect(dnet_level(Self.set(names)) == level, "\(names)")
    }
    #else
    #expect(dnet_level(0) == -1 && dnet_compiled() == 0 && dnet_available() == 0)
    #endif
  }

  /// The kernel's list of the processor's features; nil on processors for which it is called otherwise.
  private static let kernelFlags = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?
    .split(separator: "\n").first { $0.hasPrefix("flags") }

  @Test("The available instructions are those that the kernel lists.", .enabled(if: kernelFlags != nil))
  func availableInstructionsAreTheKernels() throws {
    let line = try #require(Self.kernelFlags)
    let flags = Set(line.split(separator: " ").map(String.init))
    let kernels = [
      "SSE3": "pni", "SSSE3": "ssse3", "SSE4.1": "sse4_1", "POPCNT": "popcnt", "CMPXCHG16B": "cx16", "LAHF": "lahf_lm",
      "AVX": "avx", "AVX2": "avx2", "FMA": "fma", "F16C": "f16c", "BMI": "bmi1", "BMI2": "bmi2", "LZCNT": "abm",
      "MOVBE": "movbe", "GFNI": "gfni", "AVX-VNNI": "avx_vnni", "AVX512F": "avx512f", "AVX512CD": "avx512cd",
      "AVX512BW": "avx512bw", "AVX512DQ": "avx512dq", "AVX512VL": "avx512vl", "AVX512IFMA": "avx512ifma",
      "AVX512VBMI": "avx512vbmi", "AVX512VBMI2": "avx512_vbmi2", "AVX512VNNI": "avx512_vnni",
      "AVX512BITALG": "avx512_bitalg", "AVX512VPOPCNTDQ": "avx512_vpopcntdq", "AVX512BF16": "avx512_bf16",
      "AVX512FP16": "avx512_fp16", "FMA4": "fma4", "XOP": "xop", "TBM": "tbm",
    ]
    for (name, flag) in kernels {
      #expect((dnet_available() & dnet_instruction(name) != 0) == flags.contains(flag), "\(name)")
    }
  }

  @Test("Nothing is missing on this machine.") func nothingIsMissingHere() {
    #expect(
      Processor.names(dnet_missing(Processor.compiledInstructions, Processor.availableInstructions)).isEmpty)
    #expect(Processor.compiledLevel <= Processor.offeredLevel)
  }
}
