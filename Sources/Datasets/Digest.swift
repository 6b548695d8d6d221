// Digests of files and texts by libcrypto: SHA-256 for what dnet writes, MD5 where the world published nothing else.
import CCrypto
import Foundation
import Images

package enum DigestKind: String, Sendable {
  case sha256 = "SHA-256"
  case md5 = "MD5"
}

package enum Digest {
  /// SHA-256 as 64 lower-case hexadecimal digits.
  package static func sha256(_ bytes: some Collection<UInt8>) -> String {
    let bytes = Array(bytes)
    let digest = compute(.sha256) { update in bytes.withUnsafeBytes { update($0) } }
    precondition(digest != nil, "libcrypto offers no SHA-256: a FIPS-only or broken installation of OpenSSL")
    return digest!
  }

  /// The digest of a whole file, read in pieces; `progress` is told how many bytes are done. nil where libcrypto does
  /// not offer the kind. Throws `unreadable`.
  package static func of(
    file: String, _ kind: DigestKind, progress: (Int) -> Void = { _ in }
  ) throws(ImageError) -> String? {
    let descriptor = open(file, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .unreadable(file: file, reason: String(cString: strerror(errno))) }
    defer { close(descriptor) }
    var failure: Int32 = 0
    let digest = compute(kind) { update in
      let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 22, alignment: 64)
      defer { piece.deallocate() }
      var done = 0
      while true {
        let got = read(descriptor, piece.baseAddress!, piece.count)
        if got < 0 && errno == EINTR { continue }
        if got < 0 { failure = errno }
        if got <= 0 { return }
        update(UnsafeRawBufferPointer(rebasing: piece[..<got]))
        done += got
        progress(done)
      }
    }
    guard failure == 0 else { throw .unreadable(file: file, reason: String(cString: strerror(failure))) }
    return digest
  }

  private static func compute(_ kind: DigestKind, _ body: ((UnsafeRawBufferPointer) -> Void) -> Void) -> String? {
    guard let context = EVP_MD_CTX_new() else { return nil }
    defer { EVP_MD_CTX_free(context) }
    guard EVP_DigestInit_ex(context, kind == .sha256 ? EVP_sha256() : EVP_md5(), nil) == 1 else { return nil }
    var good = true
    body { piece in
      if piece.count > 0 && EVP_DigestUpdate(context, piece.baseAddress!, piece.count) != 1 { good = false }
    }
    var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var length: UInt32 = 0
    guard good, EVP_DigestFinal_ex(context, &digest, &length) == 1 else { return nil }
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: digest[..<Int(length)].flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }
}
