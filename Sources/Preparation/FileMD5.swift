// MD5 of a file by libcrypto: the world published nothing else of the two archives.
import CCrypto
import Foundation
import Images

package enum FileMD5 {
  /// The digest as 32 lower-case hexadecimal digits, the file read in pieces; `progress` is told how many bytes are done.
  /// nil where libcrypto does not offer MD5, as a FIPS-only one. Throws `unreadable`.
  package static func hex(of file: String, progress: (Int) -> Void = { _ in }) throws(ImageError) -> String? {
    let descriptor = open(file, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .unreadable(file: file, reason: String(cString: strerror(errno))) }
    defer { close(descriptor) }
    guard let context = EVP_MD_CTX_new() else { return nil }
    defer { EVP_MD_CTX_free(context) }
    guard EVP_DigestInit_ex(context, EVP_md5(), nil) == 1 else { return nil }

    let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 22, alignment: 64)
    defer { piece.deallocate() }
    var done = 0
    while true {
      let got = read(descriptor, piece.baseAddress!, piece.count)
      if got < 0 && errno == EINTR { continue }
      if got < 0 { throw .unreadable(file: file, reason: String(cString: strerror(errno))) }
      if got == 0 { break }
      guard EVP_DigestUpdate(context, piece.baseAddress!, got) == 1 else { return nil }
      done += got
      progress(done)
    }
    var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var length: UInt32 = 0
    guard EVP_DigestFinal_ex(context, &digest, &length) == 1 else { return nil }
    let digits = Array("0123456789abcdef".utf8)
    return String(
      decoding: digest[..<Int(length)].flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }
}
