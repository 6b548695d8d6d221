// Streaming compression and decompression with zstd; files are interchangeable with those of the `zstd` command.
import CZstd
import Foundation

private func check(_ code: Int, _ path: String, _ what: String) throws {
  if ZSTD_isError(code) != 0 {
    throw CheckpointError.damaged(path: path, "zstd \(what): \(String(cString: ZSTD_getErrorName(code)))")
  }
}

/// A sink that compresses into another sink, with a checksum of the content in the frame.
package final class ZstdSink: ByteSink {
  package var path: String { sink.path }
  /// The fastest level; weights shrink by a twelfth at any level (docs/formats.md).
  private static let level: Int32 = 1

  private let sink: any ByteSink
  private let context: OpaquePointer
  private var output: [UInt8]

  /// - Parameters:
  ///   - contentBytes: the exact number of bytes that will be written, if known; it is recorded in the file.
  ///   - threads: the library's threads in addition to the caller, if it was built with thread support. They share one
  ///     frame in pieces of a fixed size, so the bytes do not depend on their number. The alternative, several frames,
  ///     is cut after the first one by some readers.
  package init(_ sink: any ByteSink, contentBytes: Int? = nil, threads: Int = 1) throws {
    self.sink = sink
    guard let context = ZSTD_createCCtx() else {
      throw CheckpointError.file(path: sink.path, operation: "compress", reason: "no memory for zstd")
    }
    self.context = context
    output = Array(repeating: 0, count: ZSTD_CStreamOutSize())
    try check(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, Self.level), sink.path, "level \(Self.level)")
    try check(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1), sink.path, "checksum")
    if threads > 0 { _ = ZSTD_CCtx_setParameter(context, ZSTD_c_nbWorkers, Int32(threads)) }
    if let contentBytes {
      try check(ZSTD_CCtx_setPledgedSrcSize(context, UInt64(contentBytes)), sink.path, "size \(contentBytes)")
    }
  }

  deinit { ZSTD_freeCCtx(context) }

  package func write(_ bytes: UnsafeRawBufferPointer) throws {
    var input = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
    while input.pos < input.size { _ = try compress(&input, ZSTD_e_continue) }
  }

  /// Ends the frame and finishes the underlying sink.
  package func finish() throws {
    var input = ZSTD_inBuffer(src: nil, size: 0, pos: 0)
    while try compress(&input, ZSTD_e_end) > 0 {}
    try sink.finish()
  }

  private func compress(_ input: inout ZSTD_inBuffer, _ directive: ZSTD_EndDirective) throws -> Int {
    try output.withUnsafeMutableBytes { memory in
      var out = ZSTD_outBuffer(dst: memory.baseAddress, size: memory.count, pos: 0)
      let left = ZSTD_compressStream2(context, &out, &input, directive)
      try check(left, path, "compression")
      if out.pos > 0 { try sink.write(UnsafeRawBufferPointer(rebasing: memory[..<out.pos])) }
      return left
    }
  }
}

/// A source that decompresses another source and verifies the frame's checksum, if there is one.
package final class ZstdSource: ByteSource {
  package var path: String { source.path }
  private let source: any ByteSource
  private let context: OpaquePointer
  private var memory: [UInt8]
  private var filled = 0
  private var position = 0
  private var frameEnded = true

  package init(_ source: FileSource) throws {
    self.source = source
    guard let context = ZSTD_createDCtx() else {
      throw CheckpointError.file(path: source.path, operation: "decompress", reason: "no memory for zstd")
    }
    self.context = context
    memory = Array(repeating: 0, count: ZSTD_DStreamInSize())
  }

  deinit { ZSTD_freeDCtx(context) }

  /// Unknown: a file may have several frames, and a frame need not record its size.
  package var remaining: Int? { nil }

  package func read(into bytes: UnsafeMutableRawBufferPointer) throws -> Int {
    var out = ZSTD_outBuffer(dst: bytes.baseAddress, size: bytes.count, pos: 0)
    while out.pos < out.size {
      let outputBefore = out.pos
      let inputBefore = position
      if position < filled || !frameEnded {
        // Also without input: zstd may hold content for which there was no room in the last call.
        try memory.withUnsafeBytes { memory in
          var input = ZSTD_inBuffer(src: memory.baseAddress, size: filled, pos: position)
          let left = ZSTD_decompressStream(context, &out, &input)
          try check(left, path, "decompression")
          position = input.pos
          frameEnded = left == 0
        }
      }
      if out.pos > outputBefore || position > inputBefore { continue }
      filled = try memory.withUnsafeMutableBytes { try source.read(into: $0) }
      position = 0
      if filled == 0 {
        if frameEnded { break }
        throw CheckpointError.damaged(
          path: path, "it ends inside the compressed data; copy it again or use an older one")
      }
    }
    return out.pos
  }
}

package enum ZstdFile {
  /// Opens a file for reading, compressed or not; the first four bytes identify zstd.
  package static func open(_ path: String, files: FileLayer = .system) throws -> any ByteSource {
    let file = try FileSource(path, files: files)
    let head = try file.peek(4)
    return head == [0x28, 0xB5, 0x2F, 0xFD] ? try ZstdSource(file) : file
  }
}
