// The digest of a network's weights: `dnet model digest` prints it, and runs are compared by it.
import Compute
import Support

package enum WeightsDigest {
  /// Returns the SHA-256, in hexadecimal, over all tensors in the order of their names (compared as UTF-8 bytes). Each
  /// tensor contributes:
  ///
  ///     its name in UTF-8                           classification.conv1_2.weight
  ///     one newline (byte 10)
  ///     its shape, in decimal with x between        64x64x3x3
  ///     one newline (byte 10)
  ///     its values as float32, little-endian, in row-major order
  ///
  /// There are no bytes between tensors. A scalar's shape is empty. In Python, with numpy arrays in a dictionary:
  ///
  ///     h = hashlib.sha256()
  ///     for name in sorted(tensors, key=str.encode):
  ///         a = tensors[name].astype("<f4")
  ///         h.update(f"{name}\n{'x'.join(map(str, a.shape))}\n".encode() + a.tobytes())
  package static func hex(of tensors: [NamedTensor]) -> String {
    precondition(
      UInt16(1).littleEndian == 1, "float32 values are digested as they are in memory: only little-endian machines work"
    )
    let digest = SHA256()
    for tensor in tensors.sorted(by: { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }) {
      digest.update(head(tensor.name, tensor.shape))
      withExtendedLifetime(tensor) { digest.update(UnsafeRawBufferPointer(tensor.values)) }
    }
    return digest.hex()
  }

  /// Returns the digest of a file of float32 tensors in name order, as dnet writes them, without loading it.
  package static func hex(ofFile path: String, files: FileLayer = .system) throws -> String {
    let source = try ZstdFile.open(path, files: files)
    let entries = try SafeTensors.readHeader(source).entries
    let digest = SHA256()
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    for (index, entry) in entries.enumerated() {
      guard entry.element == .float32,
        index == 0 || entries[index - 1].name.utf8.lexicographicallyPrecedes(entry.name.utf8)
      else { throw CheckpointError.tensor(path: path, name: entry.name, "not a float32 tensor in the order of names") }
      digest.update(head(entry.name, entry.shape))
      var left = entry.range.count
      while left > 0 {
        let got = try buffer.withUnsafeMutableBytes {
          try source.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[..<min(left, $0.count)]))
        }
        guard got > 0 else {
          throw CheckpointError.tensor(path: path, name: entry.name, "the file ends \(left) bytes early")
        }
        buffer.withUnsafeBytes { digest.update(UnsafeRawBufferPointer(rebasing: $0[..<got])) }
        left -= got
      }
    }
    // Reading to the end verifies zstd's checksum.
    guard try buffer.withUnsafeMutableBytes({ try source.read(into: $0) }) == 0 else {
      throw CheckpointError.damaged(path: path, "bytes follow after the last tensor")
    }
    return digest.hex()
  }

  /// Returns the text that is digested before a tensor's values.
  static func head(_ name: String, _ shape: [Int]) -> String { "\(name)\n\(shapeText(shape))\n" }

  /// Returns a shape as text, such as `64x3x3x3`.
  package static func shapeText(_ shape: [Int]) -> String { shape.map(String.init).joined(separator: "x") }
}
