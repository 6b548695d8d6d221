// SHA-256 of a stream of bytes, computed by libcrypto, which uses the processor's instructions for it.
import CCrypto

/// A running SHA-256. Add bytes in portions of any size, then take the digest once.
package final class SHA256 {
  private let context: OpaquePointer
  private var finished = false

  package init() {
    guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
      fatalError("libcrypto offers no SHA-256: repair the installation of OpenSSL")
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

  /// Returns the digest's 32 bytes and ends the stream.
  package func bytes() -> [UInt8] {
    precondition(!finished, "the digest was already taken")
    finished = true
    var digest = [UInt8](repeating: 0, count: 32)
    var length: UInt32 = 0
    let status = EVP_DigestFinal_ex(context, &digest, &length)
    precondition(status == 1 && length == 32, "libcrypto's digest final failed")
    return digest
  }

  /// Returns the digest as 64 lower-case hexadecimal digits and ends the stream.
  package func hex() -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes().flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  /// Returns the digest's first eight bytes as a little-endian word, enough to detect damage, and ends the stream.
  package func word() -> UInt64 { bytes().prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) } }

  /// Returns `word()` of some bytes.
  package static func word(of bytes: UnsafeRawBufferPointer) -> UInt64 {
    let digest = SHA256()
    digest.update(bytes)
    return digest.word()
  }

  /// Returns the digest of a text as hexadecimal digits.
  package static func hex(of text: String) -> String {
    let digest = SHA256()
    digest.update(text)
    return digest.hex()
  }
}
