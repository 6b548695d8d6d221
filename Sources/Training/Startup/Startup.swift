// The settings of the process that must be made before any computation.
import CAllocator
import Foundation
import Kernels

package enum Startup {
  /// Makes the allocator keep freed memory. Buffers for files and images are allocated by the thousand, and pages
  /// returned to the system would be faulted in again each time. Arithmetic has its own memory.
  package static func keepFreedMemory() {
    // The largest threshold that the allocator accepts; larger buffers are rare.
    mallopt(M_MMAP_THRESHOLD, 32 << 20)
    mallopt(M_TRIM_THRESHOLD, 512 << 20)
    mallopt(M_TOP_PAD, 4 << 20)
  }

  /// Makes OpenBLAS use the kernels suited to this processor, and one thread per call.
  ///
  /// OpenBLAS selects its kernels when it is loaded, before `main`. Version 0.3.21 treats an unknown processor as a
  /// Prescott, which is nine times slower. In that case, or if OPENBLAS_CORETYPE requests such old kernels, the program
  /// restarts itself with OPENBLAS_CORETYPE set. This happens once, because the variable then has the expected value.
  package static func selectBLASKernels() {
    let setting = ProcessInfo.processInfo.environment["OPENBLAS_CORETYPE"]
    if let wanted = BLAS.coreTypeOverride(setting: setting) {
      setenv("OPENBLAS_CORETYPE", wanted, 1)
      var arguments: [UnsafeMutablePointer<CChar>?] = CommandLine.arguments.map { strdup($0) } + [nil]
      execv("/proc/self/exe", &arguments)
      // Reached only if exec failed: slow kernels are better than no run.
      FileHandle.standardError.write(
        Data("warning: OpenBLAS uses \(BLAS.coreName) kernels; set OPENBLAS_CORETYPE=\(wanted) for full speed\n".utf8))
    }
    BLAS.useOneThread()
  }
}
