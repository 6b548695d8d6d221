// Damaged JPEG files: grey, colour, progressive, arithmetic, with restarts, CMYK and YCCK, changed in segments, lengths
// and scans.
import CJPEG
import Foundation
import Images

struct JPEGInputs: FuzzedDecoder {
  let seeds: [[UInt8]]
  private let segments: [[[UInt8]]]

  init() {
    var files: [[UInt8]] = []
    for progressive in [false, true] {
      for (space, stored) in [
        (JCS_GRAYSCALE, JCS_GRAYSCALE), (JCS_RGB, JCS_YCbCr), (JCS_RGB, JCS_RGB), (JCS_CMYK, JCS_CMYK),
        (JCS_CMYK, JCS_YCCK),
      ] {
        files.append(Self.file(space, stored, progressive: progressive))
        files.append(Self.file(space, stored, progressive: progressive, restart: 1))
      }
      files.append(Self.file(JCS_RGB, JCS_YCbCr, progressive: progressive, arithmetic: true))
    }
    files.append(JPEG.encode(RGBImage(width: 3, height: 2, color: Color(10, 200, 90))))
    let exif: [UInt8] =
      [0xFF, 0xE1, 0, 34] + Array("Exif\0\0II".utf8) + [
        42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0,
      ]
    files.append(Array(files[2][..<2]) + exif + files[2][2...])
    seeds = files
    segments = files.map(Self.segments)
  }

  func decode(_ bytes: [UInt8]) throws {
    let orientation = EXIF.orientation(bytes)
    try ContractBreach.unless((1...8).contains(orientation), "orientation \(orientation)")
    let image = try Photograph.decode(bytes, file: "f")
    try FuzzedDecoders.check(width: image.width, height: image.height, values: image.pixels.count, channels: 3)
  }

  func input(_ mutation: Mutation) -> [UInt8] {
    let place = mutation.below(seeds.count)
    if mutation.chance(30) {
      var bytes = seeds[place]
      mutation.change(&bytes, other: mutation.pick(seeds))
      return bytes
    }
    var file = segments[place]
    for _ in 0..<mutation.few() where !file.isEmpty {
      let at = mutation.below(file.count)
      switch mutation.below(4) {
      case 0: mutation.rearrange(&file, other: mutation.pick(segments))
      case 1: mutation.changeInPlace(&file[at])
      case 2:
        // Contents of another length, with the right length field.
        guard file[at].count > 4, file[at][1] < 0xD0 || file[at][1] > 0xD9 else { continue }
        var content = Array(file[at][4...])
        mutation.change(&content, other: mutation.pick(mutation.pick(segments)))
        file[at] = Array(file[at][..<2])
        file[at].append(big: content.count + 2, 2)
        file[at] += content
      default:
        // The headers of frame and scans matter most.
        let heads = file.indices.filter {
          file[$0].count > 1 && ((0xC0...0xCF).contains(file[$0][1]) || file[$0][1] == 0xDA)
        }
        guard !heads.isEmpty else { continue }
        let head = mutation.pick(heads)
        guard file[head].count > 5 else { continue }
        file[head][4 + mutation.below(min(file[head].count - 4, 16))] =
          mutation.chance(50) ? UInt8(mutation.below(18)) : mutation.byte()
      }
    }
    return file.flatMap { $0 }
  }

  /// Splits a file at its markers. The data of a scan belong to its header.
  private static func segments(_ bytes: [UInt8]) -> [[UInt8]] {
    var starts = [0]
    var at = 2
    while at + 4 <= bytes.count {
      if bytes[at] == 0xFF, bytes[at + 1] != 0, !(0xD0...0xD7).contains(bytes[at + 1]) {
        starts.append(at)
        at += bytes[at + 1] == 0xD9 ? 2 : 2 + bytes.big(at + 2, 2)
      } else {
        at += 1
      }
    }
    return zip(starts, starts.dropFirst() + [bytes.count]).map { Array(bytes[$0..<$1]) }
  }

  /// Encodes by libjpeg directly, because `JPEG.encode` writes only one kind.
  private static func file(
    _ space: J_COLOR_SPACE, _ stored: J_COLOR_SPACE, progressive: Bool, arithmetic: Bool = false, restart: UInt32 = 0
  ) -> [UInt8] {
    let info = UnsafeMutablePointer<jpeg_compress_struct>.allocate(capacity: 1)
    let errors = UnsafeMutablePointer<jpeg_error_mgr>.allocate(capacity: 1)
    let output = UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>.allocate(capacity: 1)
    let size = UnsafeMutablePointer<UInt>.allocate(capacity: 1)
    info.initialize(to: jpeg_compress_struct())
    output.initialize(to: nil)
    size.initialize(to: 0)
    defer {
      free(output.pointee)
      info.deallocate()
      errors.deallocate()
      output.deallocate()
      size.deallocate()
    }
    info.pointee.err = jpeg_std_error(errors)
    jpeg_CreateCompress(info, JPEG_LIB_VERSION, MemoryLayout<jpeg_compress_struct>.size)
    jpeg_mem_dest(info, output, size)
    let channels = space == JCS_GRAYSCALE ? 1 : space == JCS_RGB ? 3 : 4
    (info.pointee.image_width, info.pointee.image_height) = (19, 11)
    (info.pointee.input_components, info.pointee.in_color_space) = (Int32(channels), space)
    jpeg_set_defaults(info)
    jpeg_set_colorspace(info, stored)
    jpeg_set_quality(info, 40, 1)
    info.pointee.restart_interval = restart
    info.pointee.arith_code = arithmetic ? 1 : 0
    if progressive { jpeg_simple_progression(info) }
    jpeg_start_compress(info, 1)
    for y in 0..<11 {
      var row = (0..<19 * channels).map { UInt8(truncatingIfNeeded: $0 * 11 + y * 17) }
      row.withUnsafeMutableBufferPointer { row in
        var start = row.baseAddress
        _ = jpeg_write_scanlines(info, &start, 1)
      }
    }
    jpeg_finish_compress(info)
    let bytes = Array(UnsafeBufferPointer(start: output.pointee, count: Int(size.pointee)))
    jpeg_destroy_compress(info)
    return bytes
  }
}
