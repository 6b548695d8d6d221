// The writer of float arrays in NumPy's file format, version 1.
import Support

enum NumpyFile {
  static func write(_ values: [Float], width: Int, height: Int, to path: String) throws(FileError) {
    var header = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(height), \(width)), }"
    header += String(repeating: " ", count: (64 - (10 + header.count + 1) % 64) % 64) + "\n"
    var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.count & 255), UInt8(header.count >> 8)]
    bytes += Array(header.utf8)
    for value in values { withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) } }
    try FileBytes.write(bytes, to: path)
  }
}
