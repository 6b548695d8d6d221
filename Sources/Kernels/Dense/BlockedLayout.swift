// Conversion between the rows of a matrix product, one per pixel, and maps in channel blocks.
//
//   N images, C channels (a multiple of 16), H rows, W columns; maps are (N, C/16, H, W, 16); M = N H W rows

/// Converts a matrix [M][C] with rows (n, y, x) to maps, adding bias and rectification, and converts maps to rows.
package struct BlockedLayout: Sendable {
  private let rows: Int
  private let pixels: Int
  private let channels: Int
  private let rowsPerTask: Int

  package init(images: Int, channels: Int, height: Int, width: Int) {
    precondition(channels % 16 == 0, "\(channels) channels are not a multiple of the channel block of 16")
    rows = images * height * width
    pixels = height * width
    self.channels = channels
    rowsPerTask = max(16_384 / channels, 1)
  }

  package var tasks: Int { (rows + rowsPerTask - 1) / rowsPerTask }

  /// Writes maps from rows, plus `bias` [C] if given, then max(0, y) if `rectified`.
  package func toMaps(
    _ rows: UnsafePointer<Float>, bias: UnsafePointer<Float>?, rectified: Bool,
    into maps: UnsafeMutablePointer<Float>, task: Int
  ) {
    for row in range(task) {
      for channel in stride(from: 0, to: channels, by: 16) {
        var value = rows.lanes(at: row * channels + channel)
        if let bias { value += bias.lanes(at: channel) }
        if rectified { value = value.rectified }
        maps.setLanes(value, at: mapIndex(row, channel))
      }
    }
  }

  /// Writes rows from maps.
  package func toRows(_ maps: UnsafePointer<Float>, into rows: UnsafeMutablePointer<Float>, task: Int) {
    for row in range(task) {
      for channel in stride(from: 0, to: channels, by: 16) {
        rows.setLanes(maps.lanes(at: mapIndex(row, channel)), at: row * channels + channel)
      }
    }
  }

  private func range(_ task: Int) -> Range<Int> { task * rowsPerTask..<min((task + 1) * rowsPerTask, rows) }

  @inline(__always) private func mapIndex(_ row: Int, _ channel: Int) -> Int {
    (row / pixels * channels + channel) * pixels + row % pixels * 16
  }
}
