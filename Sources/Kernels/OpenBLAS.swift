// The matrix library: how many threads it uses, which of its kernels it has picked, and whether that is a mistake.
import COpenBLAS

/// What is asked of OpenBLAS besides products.
package enum BLAS {
  /// One thread a call from now on. Call it at start: the library otherwise starts a thread per core in every rank, and its
  /// way of cutting a product depends on their number.
  package static func useOneThread() { openblas_set_num_threads(1) }

  /// The kernels in use, in the library's words: `SkylakeX`, `Cooperlake`, `Haswell`, `Zen`, `Prescott`, ...
  package static var coreName: String { openblas_get_corename().map { String(cString: $0) } ?? "unknown" }

  /// What OPENBLAS_CORETYPE should at least say on this processor: `SkylakeX` for AVX-512, `Haswell` for AVX2, nil for
  /// all others, where there is nothing to put right.
  package static var expectedCoreName: String? {
    switch dnet_vector_level() {
    case 2: "SkylakeX"
    case 1: "Haswell"
    default: nil
    }
  }

  /// True where the library did not know the processor and took kernels for a lesser one.
  ///
  /// OpenBLAS 0.3.21 then takes `Prescott` (SSE3), which is nine times slower than AVX-512. The choice is made when the
  /// library is loaded, from OPENBLAS_CORETYPE if it is set, so the remedy is to set that to `expectedCoreName` and
  /// execute the program again, once: a library built without these kernels stays as it is.
  package static var isLesserThanProcessor: Bool { level(ofCore: coreName) < Int(dnet_vector_level()) }

  /// The vector level (as in the shim) that a core's kernels use.
  package static func level(ofCore name: String) -> Int {
    switch name.lowercased() {
    case "skylakex", "cooperlake", "sapphirerapids": 2
    case "haswell", "zen": 1
    default: 0
    }
  }
}
