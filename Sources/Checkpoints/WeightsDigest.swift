// One number for a network's weights: what `dnet model digest` prints and what two runs are compared by.
import Digests
import Tensors

package enum WeightsDigest {
  /// SHA-256, in hexadecimal, over all tensors in the order of their names (compared as UTF-8 bytes). Of each tensor:
  ///
  ///     its name in UTF-8                           classification.conv1_2.weight
  ///     one newline (byte 10)
  ///     its shape, in decimal with x between        64x64x3x3
  ///     one newline (byte 10)
  ///     its values as float32, little-endian, in row-major order
  ///
  /// Nothing stands between tensors. A scalar's shape is empty. The same in Python, with numpy arrays in a dictionary:
  ///
  ///     h = hashlib.sha256()
  ///     for name in sorted(tensors, key=str.encode):
  ///         a = tensors[name].astype("<f4")
  ///         h.update(f"{name}\n{'x'.join(map(str, a.shape))}\n".encode() + a.tobytes())
  package static func hex(of tensors: [NamedTensor]) -> String {
    precondition(UInt16(1).littleEndian == 1, "float32 is written as it lies in memory: little-endian machines only")
    let digest = SHA256()
    for tensor in tensors.sorted(by: { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }) {
      digest.update("\(tensor.name)\n\(shapeText(tensor.shape))\n")
      withExtendedLifetime(tensor) { digest.update(UnsafeRawBufferPointer(tensor.values)) }
    }
    return digest.hex()
  }

  /// `64x3x3x3`
  package static func shapeText(_ shape: [Int]) -> String { shape.map(String.init).joined(separator: "x") }
}
