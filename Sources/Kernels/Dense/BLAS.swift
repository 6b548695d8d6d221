// Control of OpenBLAS: its number of threads, the kernels it has selected, and the detection of a wrong selection.
import COpenBLAS
import CProcessor

/// The functions of OpenBLAS other than products.
package enum BLAS {
  /// Makes OpenBLAS use one thread per call. Call it at start: otherwise the library starts one thread per core in
  /// every rank, and the way it cuts a product depends on their number.
  package static func useOneThread() { openblas_set_num_threads(1) }

  /// The library's name for the kernels in use: `SkylakeX`, `Cooperlake`, `Haswell`, `Zen`, `Prescott`, ...
  package static var coreName: String { openblas_get_corename().map { String(cString: $0) } ?? "unknown" }

  /// The version of the library, such as `0.3.21`.
  package static var version: String {
    let words = openblas_get_config().map { String(cString: $0).split(separator: " ") } ?? []
    return words.count > 1 ? String(words[1]) : "of unknown version"
  }

  /// The kernels that fit the instructions dnet was compiled for: `SkylakeX` for AVX-512, `Haswell` for AVX2, nil for
  /// all others, where there is nothing to correct. The processor does not matter: a mixed cluster is built for what
  /// all machines have, and other kernels on the newer ones would give other bits there.
  package static var expectedCoreName: String? { expectedCoreName(compiled: Int(dnet_level(dnet_compiled()))) }

  /// The same for a vector level: 2 = AVX-512, 1 = AVX2 with FMA.
  package static func expectedCoreName(compiled level: Int) -> String? {
    switch level {
    case 2: "SkylakeX"
    case 1: "Haswell"
    default: nil
    }
  }

  /// Returns the value that OPENBLAS_CORETYPE must have before the program is executed again, or nil where the kernels
  /// in use fit or another execution would change nothing.
  ///
  /// The library selects its kernels when it is loaded, from OPENBLAS_CORETYPE (`setting`) if it is set. A processor
  /// that OpenBLAS 0.3.21 does not support gets `Prescott` (SSE3), nine times slower than AVX-512. A setting of AVX2 or
  /// better is kept, because a user may have chosen it for all machines of a cluster. A lesser setting is a mistake.
  package static func coreTypeOverride(for core: String, setting: String?, compiled level: Int) -> String? {
    guard let wanted = expectedCoreName(compiled: level), self.level(ofCore: core) != level else { return nil }
    guard let setting else { return wanted }
    // The setting had no effect, so the library lacks these kernels.
    if setting.lowercased() == wanted.lowercased() { return nil }
    return self.level(ofCore: setting) >= 1 && self.level(ofCore: core) >= 1 ? nil : wanted
  }

  /// Returns `coreTypeOverride` for this process.
  package static func coreTypeOverride(setting: String?) -> String? {
    coreTypeOverride(for: coreName, setting: setting, compiled: Int(dnet_level(dnet_compiled())))
  }

  /// Returns the vector level (as in CProcessor) of the kernels with this name.
  package static func level(ofCore name: String) -> Int {
    switch name.lowercased() {
    case "skylakex", "cooperlake", "sapphirerapids": 2
    case "haswell", "zen": 1
    default: 0
    }
  }
}
