// The MD5 of a file, by libcrypto. Some public archives are published with no other digest.
import CCrypto
import Foundation

package enum FileMD5 {
  /// Returns the digest as 32 lower-case hexadecimal digits, or nil where libcrypto offers no MD5 (a FIPS-only one).
  /// The file is read in pieces; `progress` is called with the number of bytes read.
  package static func hex(of file: String, progress: (Int) -> Void = { _ in }) throws(FileError) -> String? {
    let descriptor = open(file, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .reading(file) }
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
      if got < 0 { throw .reading(file) }
      if got == 0 { break }
      guard EVP_DigestUpdate(context, piece.baseAddress!, got) == 1 else { return nil }
      done += got
      progress(done)
    }
    var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var length: UInt32 = 0
    guard EVP_DigestFinal_ex(context, &digest, &length) == 1 else { return nil }
    return digest.prefix(Int(length)).hexadecimal
  }
}
