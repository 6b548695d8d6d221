// The facts that `dnet doctor` gathers about the machine of one rank.
import Compute
import Foundation
import Kernels

/// The facts of one rank, gathered by `here`. Tests create their own.
package struct Machine: Sendable {
  package var processor = ""
  package var compiled = VectorLevel.avx512
  package var offered = VectorLevel.avx512
  package var isOptimised = true
  package var blasCore = "SkylakeX"
  package var blasExpected: String? = "SkylakeX"
  package var blasSetting: String? = nil
  package var coresOnline = 1
  package var coresAllowed = 1
  package var allowedList = "0"
  package var threadsPerCore = 1
  package var coreQuota: Double? = nil
  /// The threads that `threads: 0` gives this rank, and the number of ranks on its node.
  package var threads = 1
  package var ranksOnNode = 1
  package var memoryBytes = 0
  package var availableMemoryBytes = 0
  package var hugePages = "madvise"
  /// GFLOP/s of one thread: from registers, by OpenBLAS, and by dnet's 3x3 convolution (counted as direct).
  package var peakGflops = 0.0
  package var productGflops = 0.0
  package var convolutionGflops = 0.0
  /// The largest relative errors of the two, against plain loops in Double.
  package var productError = 0.0
  package var convolutionError = 0.0

  package init() {}

  /// Gathers the facts of this machine, which includes measurements of about a second.
  package static func here(threads: Int, ranksOnNode: Int) -> Machine {
    var machine = Machine()
    machine.processor = Processor.name
    machine.compiled = Processor.compiledLevel
    machine.offered = Processor.offeredLevel
    machine.isOptimised = isOptimisedBuild
    machine.blasCore = BLAS.coreName
    machine.blasExpected = BLAS.expectedCoreName
    machine.blasSetting = ProcessInfo.processInfo.environment["OPENBLAS_CORETYPE"]
    machine.coresOnline = Processor.online
    machine.coresAllowed = AvailableCores.inMask
    machine.allowedList = AvailableCores.list
    machine.threadsPerCore = Processor.threadsPerCore
    machine.coreQuota = CPUQuota.here?.cores
    machine.threads = threads
    machine.ranksOnNode = ranksOnNode
    machine.memoryBytes = Processor.memoryBytes
    machine.availableMemoryBytes = Processor.availableMemoryBytes
    machine.hugePages = Processor.hugePages
    let arithmetic = ArithmeticCheck()
    machine.productError = arithmetic.productError
    machine.convolutionError = arithmetic.convolutionError
    if machine.isOptimised {
      machine.peakGflops = MachinePeak.multiplyAdds(WorkerPool(threads: 1), repeats: 3)
      machine.productGflops = MachinePeak.product(side: 1024)
      machine.convolutionGflops = arithmetic.convolutionGflops()
    }
    return machine
  }

  private static var isOptimisedBuild: Bool {
    var optimised = true
    assert(
      {
        optimised = false
        return true
      }())
    return optimised
  }
}
