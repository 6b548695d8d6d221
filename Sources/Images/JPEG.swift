// JPEG files, decoded and encoded by libjpeg-turbo with its exact integer transform. The EXIF orientation is not
// applied, because masks match the stored pixels.
import CJPEG
import Foundation
import Support

package enum JPEG {
  /// Decodes the file: grey, YCbCr, RGB, CMYK and YCCK all become r, g, b. Truncated and corrupt data are errors.
  package static func decode(file: String) throws -> RGBImage {
    try decode(FileBytes.read(file), file: file)
  }

  /// Decodes bytes. Errors name `file`.
  package static func decode(_ bytes: [UInt8], file: String) throws(ImageError) -> RGBImage {
    var (width, height): (UInt32, UInt32) = (0, 0)
    if let reason = message({ dnet_jpeg_size(bytes, bytes.count, &width, &height, $0) }) {
      throw .damaged(file: file, format: "JPEG", reason: reason)
    }
    guard Int(width) * Int(height) <= ImageError.pixelLimit else {
      throw .tooLarge(file: file, width: Int(width), height: Int(height))
    }
    var failure: String?
    let count = Int(width) * Int(height) * 3
    let pixels = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      failure = message { dnet_jpeg_decode(bytes, bytes.count, buffer.baseAddress, $0) }
      // Bytes need no initialization, and after a failure the array is discarded.
      initialized = count
    }
    if let failure { throw .damaged(file: file, format: "JPEG", reason: failure) }
    return RGBImage(width: Int(width), height: Int(height), pixels: pixels)
  }

  /// Encodes baseline JPEG with colour at half resolution. `quality` is 1...100 on libjpeg's scale.
  package static func encode(_ image: RGBImage, quality: Int = 90) -> [UInt8] {
    precondition((1...100).contains(quality), "JPEG quality \(quality) is not in 1...100")
    var output: UnsafeMutablePointer<UInt8>?
    var count = 0
    let failure = message {
      dnet_jpeg_encode(image.pixels, UInt32(image.width), UInt32(image.height), Int32(quality), &output, &count, $0)
    }
    precondition(failure == nil, "libjpeg cannot encode \(image.width) x \(image.height) pixels: \(failure!)")
    defer { free(output) }
    return Array(UnsafeBufferPointer(start: output, count: count))
  }

  /// Encodes and writes the file.
  package static func write(_ image: RGBImage, to file: String, quality: Int = 90) throws(FileError) {
    try FileBytes.write(encode(image, quality: quality), to: file)
  }

  /// Runs the C call and returns nil on success, or the library's message.
  private static func message(_ call: (UnsafeMutablePointer<CChar>) -> Int32) -> String? {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(DNET_JPEG_MESSAGE)) { buffer in
      call(buffer.baseAddress!) == 0 ? nil : String(cString: buffer.baseAddress!)
    }
  }
}
