// The SHA-256 of a stream of bytes, by libcrypto, which uses the processor's own instructions for it where there are
// any.
import CCrypto
import Foundation

/// A running SHA-256. Takes bytes in portions of any size; the digest can be asked for once.
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

  /// The digest as 64 lower-case hexadecimal digits. Ends the stream.
  package func hex() -> String { bytes().hexadecimal }

  /// Returns the digest's first eight bytes as a little-endian word, enough to detect damage, and ends the stream.
  package func word() -> UInt64 { bytes().prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) } }

  /// The word of the bytes' digest.
  package static func word(of bytes: some ContiguousBytes) -> UInt64 {
    let digest = SHA256()
    bytes.withUnsafeBytes { digest.update($0) }
    return digest.word()
  }

  /// The digest of the bytes as hexadecimal digits.
  package static func hex(of bytes: some ContiguousBytes) -> String {
    let digest = SHA256()
    bytes.withUnsafeBytes { digest.update($0) }
    return digest.hex()
  }

  /// The digest of the text's UTF-8 as hexadecimal digits.
  package static func hex(of text: String) -> String {
    let digest = SHA256()
    digest.update(text)
    return digest.hex()
  }
}

extension Sequence<UInt8> {
  /// Two lower-case hexadecimal digits for each byte.
  var hexadecimal: String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }
}
