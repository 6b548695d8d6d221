// SHA-256 of a stream of bytes, by libcrypto: it uses the processor's own instructions where there are any.
import CCrypto

/// A running SHA-256. Feed bytes in any portions, then ask once for the digest.
package final class SHA256 {
  private let context: OpaquePointer
  private var finished = false

  package init() {
    guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
      fatalError("libcrypto offers no SHA-256: a FIPS-only or broken installation of OpenSSL")
    }
    self.context = context
  }

  deinit { EVP_MD_CTX_free(context) }

  package func update(_ bytes: UnsafeRawBufferPointer) {
    precondition(!finished, "the digest was already taken")
    guard bytes.count > 0 else { return }
    let status = EVP_DigestUpdate(context, bytes.baseAddress!, bytes.count)
    precondition(status == 1, "libcrypto's digest update failed")
  }

  package func update(_ text: String) {
    var text = text
    text.withUTF8 { update(UnsafeRawBufferPointer($0)) }
  }

  /// The digest's 32 bytes. Ends the stream.
  package func bytes() -> [UInt8] {
    precondition(!finished, "the digest was already taken")
    finished = true
    var digest = [UInt8](repeating: 0, count: 32)
    var length: UInt32 = 0
    let status = EVP_DigestFinal_ex(context, &digest, &length)
    precondition(status == 1 && length == 32, "libcrypto's digest end failed")
    return digest
  }

  /// The digest as 64 lower-case hexadecimal digits. Ends the stream.
  package func hex() -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes().flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  /// The digest's first eight bytes as a little-endian word: enough to notice damage. Ends the stream.
  package func word() -> UInt64 { bytes().prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) } }

  /// The word of some bytes.
  package static func word(of bytes: UnsafeRawBufferPointer) -> UInt64 {
    let digest = SHA256()
    digest.update(bytes)
    return digest.word()
  }

  /// The digest of one text.
  package static func hex(of text: String) -> String {
    let digest = SHA256()
    digest.update(text)
    return digest.hex()
  }
}
