// The reader of the masks of SBD (Hariharan et al., "Semantic contours from inverse detectors", ICCV 2011): cls/ID.mat
// is a MATLAB 5 file with the structure GTcls, whose field Segmentation holds 8-bit class indices without 255.
import CMatio
import Foundation
import Images
import Support

package enum SBDMask {
  /// Decodes the mask in the file.
  ///
  /// Throws `FileError` for a file that cannot be read, `ImageError` for one that is cut short, damaged or of an absurd
  /// size, and `PreparationError.noSBDMask` for a whole file with other contents.
  package static func decode(file: String) throws -> IndexImage {
    _ = start
    if let reason = MATLABFile.fault(try FileBytes.read(file)) {
      throw ImageError.damaged(file: file, format: "MATLAB", reason: reason)
    }
    var mat = dnet_mat()
    let opened = MATLABFile.message { dnet_mat_open(file, &mat, $0) }
    defer { dnet_mat_close(&mat) }
    if let reason = opened.text {
      if opened.status == 2 { throw PreparationError.noSBDMask(file: file, reason: reason) }
      throw ImageError.damaged(file: file, format: "MATLAB", reason: reason)
    }
    let (count, overflow) = mat.width.multipliedReportingOverflow(by: mat.height)
    guard !overflow && count <= ImageError.pixelLimit else {
      throw ImageError.tooLarge(file: file, width: mat.width, height: mat.height)
    }
    var pixels = [UInt8](repeating: 0, count: count)
    let failure = pixels.withUnsafeMutableBufferPointer { buffer in
      MATLABFile.message { dnet_mat_read(&mat, buffer.baseAddress!, $0) }.text
    }
    if let failure { throw ImageError.damaged(file: file, format: "MATLAB", reason: failure) }
    return IndexImage(width: mat.width, height: mat.height, indices: pixels)
  }

  /// libmatio has one log function per process.
  private static let start: Void = dnet_mat_start()
}
