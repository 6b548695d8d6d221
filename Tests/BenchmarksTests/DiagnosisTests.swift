// Diagnoses of machines by their facts.
import Benchmarks
import Testing

struct DiagnosisTests {
  /// A machine with nothing wrong.
  private func sound() -> Machine {
    var machine = Machine()
    machine.coresOnline = 8
    machine.coresAllowed = 8
    machine.threads = 8
    machine.memoryBytes = 64 << 30
    machine.availableMemoryBytes = 48 << 30
    machine.peakGflops = 150
    machine.productGflops = 140
    machine.convolutionGflops = 400
    return machine
  }

  private func diagnose(_ change: (inout Machine) -> Void) -> Diagnosis {
    var machine = sound()
    change(&machine)
    return Diagnosis(machine)
  }

  @Test("Nothing is wrong with a sound machine.") func nothingIsWrongWithASoundMachine() {
    let diagnosis = diagnose { _ in }
    #expect(diagnosis.errors.isEmpty)
    #expect(diagnosis.warnings.isEmpty)
  }

  @Test("Conditions that make training wrong or many times slower are errors.")
  func whatMakesTrainingWrongOrManyTimesSlowerIsAnError() {
    let cases: [((inout Machine) -> Void, String)] = [
      ({ $0.isOptimised = false }, "debug build"),
      (
        {
          $0.compiled = .avx512; $0.offered = .avx2
        }, "illegal instruction"
      ),
      ({ $0.compiled = .baseline }, "DNET_MARCH=native"),
      ({ $0.blasCore = "Prescott" }, "set OPENBLAS_CORETYPE=SkylakeX"),
      (
        {
          $0.blasCore = "Prescott"; $0.blasSetting = "Prescott"
        }, "unset it"
      ),
      (
        {
          $0.blasCore = "Prescott"; $0.blasSetting = "SkylakeX"
        }, "DYNAMIC_ARCH"
      ),
      ({ $0.productError = 0.01 }, "matrix product"),
      ({ $0.convolutionError = .nan }, "3x3 convolution is off"),
      ({ $0.productGflops = 17 }, "OpenBLAS reaches 17.0"),
    ]
    for (change, text) in cases {
      let errors = diagnose(change).errors
      #expect(errors.count == 1 && errors[0].contains(text), "\(text): \(errors)")
    }
  }

  @Test("Conditions that cost less are warnings.") func whatCostsLessIsAWarning() {
    let cases: [((inout Machine) -> Void, String)] = [
      ({ $0.compiled = .avx2 }, "up to twice as slow"),
      ({ $0.blasCore = "Haswell" }, "up to twice as slow"),
      ({ $0.convolutionGflops = 60 }, "60.0 GFLOP/s"),
      (
        {
          $0.coresAllowed = 1; $0.threads = 1; $0.allowedList = "0"
        }, "use 1 of 8 cores"
      ),
      ({ $0.threads = 16 }, "wait for each other"),
      ({ $0.threadsPerCore = 2 }, "hardware threads"),
      ({ $0.coreQuota = 2 }, "threads: 2"),
      (
        {
          $0.coreQuota = 2.5; $0.threads = 2
        }, "2.5 of 8 cores' time"
      ),
      (
        {
          $0.coreQuota = 4; $0.threads = 4; $0.ranksOnNode = 2; $0.availableMemoryBytes = 48 << 30
        }, "threads: 2"
      ),
      ({ $0.availableMemoryBytes = 2 << 30 }, "2048 MiB are free"),
      ({ $0.hugePages = "never" }, "huge pages"),
    ]
    for (change, text) in cases {
      let diagnosis = diagnose(change)
      #expect(diagnosis.errors.isEmpty, "\(text)")
      #expect(diagnosis.warnings.count == 1 && diagnosis.warnings[0].contains(text), "\(text): \(diagnosis.warnings)")
    }
  }

  @Test("The checks of arithmetic hold on this machine, far within the tolerance.") func arithmeticIsRightHere() {
    let machine = Machine.here(threads: 1, ranksOnNode: 1)
    #expect(machine.productError < 1e-5)
    #expect(machine.convolutionError < 1e-5)
    #expect(machine.memoryBytes > 0 && machine.availableMemoryBytes > 0)
  }
}
