// What a process sets right before any arithmetic.
import CAllocator
import Foundation
import Kernels

package enum Startup {
  /// Has the allocator keep what is given back: buffers for files and pictures come and go by the thousand, and pages that
  /// return to the system are faulted in anew each time. Arithmetic has memory of its own.
  package static func keepMemory() {
    // The largest threshold that the allocator takes; what is larger is rare.
    mallopt(M_MMAP_THRESHOLD, 32 << 20)
    mallopt(M_TRIM_THRESHOLD, 512 << 20)
    mallopt(M_TOP_PAD, 4 << 20)
  }

  /// Makes OpenBLAS use the kernels that this processor deserves, and one thread a call.
  ///
  /// OpenBLAS picks its kernels when it is loaded, before `main`; version 0.3.21 takes a processor that it does not know
  /// for a Prescott and runs nine times slower. Where that has happened, or OPENBLAS_CORETYPE asks for kernels so old, the
  /// program starts itself anew with OPENBLAS_CORETYPE set: once, since the variable then says what is wanted.
  package static func settleArithmetic() {
    let setting = ProcessInfo.processInfo.environment["OPENBLAS_CORETYPE"]
    if let wanted = BLAS.coreTypeOverride(setting: setting) {
      setenv("OPENBLAS_CORETYPE", wanted, 1)
      var arguments: [UnsafeMutablePointer<CChar>?] = CommandLine.arguments.map { strdup($0) } + [nil]
      execv("/proc/self/exe", &arguments)
      // Only a failed exec comes back here: go on slowly rather than not at all.
      FileHandle.standardError.write(
        Data("warning: OpenBLAS uses \(BLAS.coreName) kernels; set OPENBLAS_CORETYPE=\(wanted) for full speed\n".utf8))
    }
    BLAS.useOneThread()
  }
}
