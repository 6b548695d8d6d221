// The diagnosis of a machine for training. Errors make results wrong or training many times slower; warnings cost less.
import Kernels

/// The problems of a machine, each with the value seen and the next step.
package struct Diagnosis: Sendable {
  package private(set) var errors: [String] = []
  package private(set) var warnings: [String] = []

  /// The approximate memory of a rank at width 1 and 320 x 320.
  static let comfortableMemory = 8 << 30
  /// The largest allowed difference between float32 and Double in the checks, 30 times the usual one.
  static let tolerance = 1e-4

  package init(_ machine: Machine) {
    checkInstructions(machine)
    checkLibrary(machine)
    checkArithmetic(machine)
    checkCores(machine)
    checkMemory(machine)
  }

  private mutating func checkInstructions(_ machine: Machine) {
    if !machine.isOptimised {
      errors.append(
        "this dnet is a debug build, about 100 times slower: build it by Launch/setup, or swift build -c release")
    }
    if machine.compiled > machine.offered {
      errors.append(
        "dnet was compiled for \(machine.compiled.text), the processor offers \(machine.offered.text): it will end "
          + "with an illegal instruction; build for the instructions that all machines have: "
          + "DNET_MARCH=x86-64-v3 Launch/setup"
      )
    } else if machine.compiled == .baseline {
      errors.append(
        "dnet was compiled for \(machine.compiled.text), where each multiply-add is a library call: many times slower; "
          + "build with DNET_MARCH=native" + (machine.offered == .baseline ? " on a processor with AVX2" : "")
          + " Launch/setup")
    } else if machine.compiled < machine.offered {
      warnings.append(
        "dnet was compiled for \(machine.compiled.text), the processor offers \(machine.offered.text): "
          + "up to twice as slow; if all machines of a run have it, build with DNET_MARCH=native Launch/setup")
    }
  }

  private mutating func checkLibrary(_ machine: Machine) {
    guard let expected = machine.blasExpected else { return }
    let (level, wanted) = (BLAS.level(ofCore: machine.blasCore), BLAS.level(ofCore: expected))
    guard level < wanted else { return }
    let remedy =
      machine.blasSetting.map { $0.lowercased() == expected.lowercased() } == true
      ? "this OpenBLAS has no such kernels: install one built with DYNAMIC_ARCH"
      : machine.blasSetting.map { "OPENBLAS_CORETYPE=\($0) selects them: unset it, and dnet sets \(expected)" }
        ?? "set OPENBLAS_CORETYPE=\(expected)"
    let text = "OpenBLAS uses its \(machine.blasCore) kernels where \(expected) fits the processor"
    if level == 0 {
      errors.append("\(text), up to nine times slower: \(remedy)")
    } else {
      warnings.append("\(text), up to twice as slow: \(remedy)")
    }
  }

  private mutating func checkArithmetic(_ machine: Machine) {
    if !(machine.productError < Self.tolerance) {
      errors.append(
        "a matrix product of OpenBLAS (\(machine.blasCore)) is off by \(machine.productError) of its largest value: "
          + "try OPENBLAS_CORETYPE=HASWELL, or another version of OpenBLAS")
    }
    if !(machine.convolutionError < Self.tolerance) {
      errors.append(
        "dnet's 3x3 convolution is off by \(machine.convolutionError) of its largest value: rebuild on this machine "
          + "(rm -r .build; Launch/setup), then run Launch/test --filter KernelsTests")
    }
    guard machine.peakGflops > 0 else { return }
    if machine.productGflops < machine.peakGflops / 4 {
      errors.append(
        "OpenBLAS reaches \(Self.rounded(machine.productGflops)) of \(Self.rounded(machine.peakGflops)) GFLOP/s "
          + "on one thread: check its kernels above (\(machine.blasCore)), and whether other programs use this core "
          + "(top)"
      )
    }
    if machine.convolutionGflops < machine.peakGflops / 2 {
      warnings.append(
        "dnet's 3x3 convolution reaches \(Self.rounded(machine.convolutionGflops)) GFLOP/s on one thread, whose peak "
          + "is \(Self.rounded(machine.peakGflops)); more than twice the peak is usual: check whether other programs "
          + "use this core (top)"
      )
    }
  }

  private mutating func checkCores(_ machine: Machine) {
    let used = machine.threads * machine.ranksOnNode
    let cores = machine.coresOnline / machine.threadsPerCore
    if let quota = machine.coreQuota, used > max(Int(quota), 1) {
      warnings.append(
        "the control group gives \(Self.rounded(quota)) cores' time to \(used) threads: request more, or set "
          + "threads: \(max(Int(quota) / machine.ranksOnNode, 1))")
    } else if let quota = machine.coreQuota, Int(quota) < cores, used == max(Int(quota), 1) {
      warnings.append(
        "the control group gives \(Self.rounded(quota)) of \(cores) cores' time, and dnet uses no more threads")
    } else if used < cores {
      warnings.append(
        "\(machine.ranksOnNode) rank\(machine.ranksOnNode == 1 ? "" : "s") of \(machine.threads) "
          + "thread\(machine.threads == 1 ? "" : "s") use \(used) of \(machine.coresOnline) cores: give ranks more by "
          + "mpirun --map-by slot:PE=N or --bind-to none, or start more ranks (docs/cluster.md)")
    }
    if machine.threads > machine.coresAllowed {
      warnings.append(
        "\(machine.threads) threads on \(machine.coresAllowed) cores wait for each other: set threads: 0")
    }
    if machine.threadsPerCore > 1, machine.threads * machine.ranksOnNode > machine.coresOnline / machine.threadsPerCore
    {
      warnings.append(
        "\(machine.threadsPerCore) hardware threads share a core here, and their arithmetic units: compare dnet bench "
          + "with half as many --threads")
    }
  }

  private mutating func checkMemory(_ machine: Machine) {
    if machine.availableMemoryBytes < Self.comfortableMemory * machine.ranksOnNode {
      warnings.append(
        "\(machine.availableMemoryBytes >> 20) MiB are free for \(machine.ranksOnNode) "
          + "rank\(machine.ranksOnNode == 1 ? "" : "s"); width 1 at 320 x 320 may need up to 8 GiB each: "
          + "see peak_memory_bytes of dnet bench, use fewer ranks per machine"
      )
    }
    if machine.hugePages == "never" {
      warnings.append(
        "huge pages are off, which costs a few percent: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled")
    }
  }

  private static func rounded(_ value: Double) -> Double { (value * 10).rounded() / 10 }
}
