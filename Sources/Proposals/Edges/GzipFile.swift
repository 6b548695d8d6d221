// The reader of files that may be compressed by gzip.
import CZlib
import Foundation

enum GzipFile {
  /// A larger file is treated as damaged (1 GiB).
  static let limit = 1 << 30

  static func read(_ path: String) throws(ProposalError) -> [UInt8] {
    errno = 0
    guard let file = gzopen(path, "rb") else {
      throw .unreadableModel(file: path, reason: errno == 0 ? "out of memory" : String(cString: strerror(errno)))
    }
    defer { gzclose(file) }
    gzbuffer(file, 1 << 17)
    var bytes: [UInt8] = []
    let chunk = 1 << 20
    while true {
      var got: Int32 = 0
      bytes.append(
        contentsOf: [UInt8](unsafeUninitializedCapacity: chunk) { buffer, count in
          got = gzread(file, buffer.baseAddress, UInt32(chunk))
          count = max(0, Int(got))
        })
      var code: Int32 = 0
      let message = gzerror(file, &code)
      if got < 0 || code != Z_OK && code != Z_STREAM_END {
        let reason =
          code == Z_ERRNO ? String(cString: strerror(errno)) : message.map { String(cString: $0) } ?? "damaged"
        throw .unreadableModel(file: path, reason: reason)
      }
      if bytes.count > limit { throw .unreadableModel(file: path, reason: "it is larger than 1 GiB unpacked") }
      if got == 0 { return bytes }
    }
  }
}
