// The versions of the system libraries that are loaded now, not of the headers.
import CCrypto
import CJPEG
import COpenBLAS
import CPNG
import CZstd

package enum Libraries {
  package static var openBLAS: String { openblas_get_config().map { String(cString: $0) } ?? "unknown" }
  package static var png: String { png_get_libpng_ver(nil).map { String(cString: $0) } ?? "unknown" }
  package static var zstd: String { ZSTD_versionString().map { String(cString: $0) } ?? "unknown" }
  package static var crypto: String { OpenSSL_version(OPENSSL_VERSION).map { String(cString: $0) } ?? "unknown" }
  /// libjpeg has no function to ask: its header's numbers.
  package static var jpeg: String {
    let number = Int(LIBJPEG_TURBO_VERSION_NUMBER)
    return "libjpeg-turbo \(number / 1_000_000).\(number / 1000 % 1000).\(number % 1000), interface \(JPEG_LIB_VERSION)"
  }
}
