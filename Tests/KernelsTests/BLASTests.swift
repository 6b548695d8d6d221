// The selection of kernels in OpenBLAS.
import Kernels
import Testing

@Suite struct BLASTests {
  @Test(
    "Only a wrong selection of kernels is overridden.",
    arguments: [
      // A processor unknown to the library, and settings made by mistake or for another machine.
      ("Prescott", nil, 2, "SkylakeX"), ("Prescott", nil, 1, "Haswell"), ("Prescott", "Prescott", 2, "SkylakeX"),
      ("Prescott", "nonsense", 1, "Haswell"), ("Sandybridge", "SANDYBRIDGE", 1, "Haswell"),
      ("Haswell", nil, 2, "SkylakeX"),
      // A library without the kernels: another execution would never end.
      ("Prescott", "SkylakeX", 2, nil), ("Prescott", "SKYLAKEX", 2, nil), ("Haswell", "SkylakeX", 2, nil),
      // The kernels fit.
      ("SkylakeX", nil, 2, nil), ("Cooperlake", nil, 2, nil), ("Zen", nil, 1, nil), ("SkylakeX", "SKYLAKEX", 2, nil),
      // A user's choice for a cluster.
      ("Haswell", "Haswell", 2, nil), ("Zen", "zen", 2, nil), ("SkylakeX", "SkylakeX", 1, nil),
      // Built for AVX2: the same kernels on every machine, however new.
      ("SkylakeX", nil, 1, "Haswell"),
      // Processors without known kernels.
      ("Prescott", nil, 0, nil), ("ARMV8", nil, -1, nil),
    ] as [(String, String?, Int, String?)])
  func coreToAskFor(core: String, setting: String?, level: Int, wanted: String?) {
    #expect(BLAS.coreTypeOverride(for: core, setting: setting, compiled: level) == wanted)
  }

  @Test("The kernels in use are known and fit the compiled instructions.") func kernelsFitTheCompiledInstructions() {
    #expect(BLAS.coreName != "unknown")
    #expect(BLAS.level(ofCore: "Prescott") == 0)
    #expect(BLAS.level(ofCore: "Zen") == 1)
    #expect(BLAS.level(ofCore: "Cooperlake") == 2)
    if BLAS.coreTypeOverride(setting: nil) == nil, let expected = BLAS.expectedCoreName {
      #expect(BLAS.level(ofCore: BLAS.coreName) == BLAS.level(ofCore: expected))
    }
  }
}
