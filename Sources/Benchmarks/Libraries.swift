// The versions of the loaded system libraries, as opposed to those of the headers.
import CCrypto
import CJPEG
import COpenBLAS
import CPNG
import CZstd

/// The versions as texts.
package enum Libraries {
  package static var openBLAS: String { openblas_get_config().map { String(cString: $0) } ?? "unknown" }
  package static var png: String { png_get_libpng_ver(nil).map { String(cString: $0) } ?? "unknown" }
  package static var zstd: String { ZSTD_versionString().map { String(cString: $0) } ?? "unknown" }
  package static var crypto: String { OpenSSL_version(OPENSSL_VERSION).map { String(cString: $0) } ?? "unknown" }
  /// The version in the header, because libjpeg has no function that returns it.
  package static var jpeg: String {
    let number = Int(LIBJPEG_TURBO_VERSION_NUMBER)
    return "libjpeg-turbo \(number / 1_000_000).\(number / 1000 % 1000).\(number % 1000), interface \(JPEG_LIB_VERSION)"
  }
}
