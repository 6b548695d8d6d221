// The matrix library: how many threads it uses, which of its kernels it has picked, and whether that is a mistake.
import COpenBLAS
import CProcessor

/// What is asked of OpenBLAS besides products.
package enum BLAS {
  /// One thread a call from now on. Call it at start: the library otherwise starts a thread per core in every rank, and its
  /// way of cutting a product depends on their number.
  package static func useOneThread() { openblas_set_num_threads(1) }

  /// The kernels in use, in the library's words: `SkylakeX`, `Cooperlake`, `Haswell`, `Zen`, `Prescott`, ...
  package static var coreName: String { openblas_get_corename().map { String(cString: $0) } ?? "unknown" }

  /// The library's version, such as `0.3.21`.
  package static var version: String {
    let words = openblas_get_config().map { String(cString: $0).split(separator: " ") } ?? []
    return words.count > 1 ? String(words[1]) : "of unknown version"
  }

  /// The kernels that fit the instructions dnet was compiled for: `SkylakeX` for AVX-512, `Haswell` for AVX2, nil for all
  /// others, where there is nothing to put right. Not those of the processor: a cluster of unlike machines is built for
  /// what all have, and other kernels on the better ones would give other bits there.
  package static var expectedCoreName: String? { expectedCoreName(compiled: Int(dnet_level(dnet_compiled()))) }

  /// The same for a vector level: 2 = AVX-512, 1 = AVX2 with FMA.
  package static func expectedCoreName(compiled level: Int) -> String? {
    switch level {
    case 2: "SkylakeX"
    case 1: "Haswell"
    default: nil
    }
  }

  /// What OPENBLAS_CORETYPE has to be before the program is executed again; nil where the kernels in use fit, or where
  /// that would change nothing.
  ///
  /// The choice is made when the library is loaded, from OPENBLAS_CORETYPE (`setting`) if it is set. A processor that
  /// OpenBLAS 0.3.21 does not know gets `Prescott` (SSE3), nine times slower than AVX-512. A setting is kept where it asks
  /// for AVX2 or better: that is somebody's choice for many machines. A lesser one is a mistake.
  package static func coreToAskFor(instead core: String, setting: String?, compiled level: Int) -> String? {
    guard let wanted = expectedCoreName(compiled: level), self.level(ofCore: core) != level else { return nil }
    guard let setting else { return wanted }
    // Asked for in vain: a library without these kernels stays as it is.
    if setting.lowercased() == wanted.lowercased() { return nil }
    return self.level(ofCore: setting) >= 1 && self.level(ofCore: core) >= 1 ? nil : wanted
  }

  /// `coreToAskFor` here and now.
  package static func coreToAskFor(setting: String?) -> String? {
    coreToAskFor(instead: coreName, setting: setting, compiled: Int(dnet_level(dnet_compiled())))
  }

  /// The vector level (as in CProcessor) that a core's kernels use.
  package static func level(ofCore name: String) -> Int {
    switch name.lowercased() {
    case "skylakex", "cooperlake", "sapphirerapids": 2
    case "haswell", "zen": 1
    default: 0
    }
  }
}
