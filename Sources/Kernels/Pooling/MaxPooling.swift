// Max pooling 2x2 with stride 2, its pooling indices, and unpooling along them.
//
//   N images, C channels (a multiple of 16), H rows, W columns of the large maps (N, C/16, H, W, 16), both even;
//   the small maps and the pooling indices are (N, C/16, H/2, W/2, 16)

/// Pooling and unpooling between maps of H x W and H/2 x W/2.
///
/// A pooling index is the position of the maximum in its window: 0 and 1 in the upper row, 2 and 3 in the lower one.
/// The first maximum wins, as in Caffe's pooling_layer.cpp (strict ">"). Inputs must not be NaN.
package struct MaxPooling: Sendable {
  /// The number of rows of the small maps in all planes.
  private let rows: Int
  private let rowsPerTask: Int
  private let smallWidth: Int

  /// Creates the plan for large maps of a shape.
  package init(images: Int, channels: Int, height: Int, width: Int) {
    precondition(channels % 16 == 0, "\(channels) channels are not a multiple of the channel block of 16")
    precondition(height % 2 == 0 && width % 2 == 0, "\(height) x \(width) does not halve: use even sides")
    rows = images * (channels / 16) * (height / 2)
    smallWidth = width / 2
    rowsPerTask = max(256 / max(smallWidth, 1), 1)
  }

  package var tasks: Int { (rows + rowsPerTask - 1) / rowsPerTask }

  /// Writes the maximum of each window of x to y, and its position to `poolingIndices`.
  package func pool(
    _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, poolingIndices: UnsafeMutablePointer<UInt8>,
    task: Int
  ) {
    forEachWindow(task) { small, upper, lower in
      var value = x.lanes(at: upper)
      var place = Lanes()
      @inline(__always) func compare(_ other: Lanes, _ index: Float) {
        let wins = other .> value
        value = value.replacing(with: other, where: wins)
        place = place.replacing(with: index, where: wins)
      }
      compare(x.lanes(at: upper + 16), 1)
      compare(x.lanes(at: lower), 2)
      compare(x.lanes(at: lower + 16), 3)
      y.setLanes(value, at: small)
      poolingIndices.setLanes(place, at: small)
    }
  }

  /// Overwrites x with y at the pooling indices and zero elsewhere. This is unpooling, and the gradient of `pool`.
  package func scatter(
    _ y: UnsafePointer<Float>, poolingIndices: UnsafePointer<UInt8>, into x: UnsafeMutablePointer<Float>, task: Int
  ) {
    forEachWindow(task) { small, upper, lower in
      let value = y.lanes(at: small)
      let place = poolingIndices.lanes(at: small)
      x.setLanes(Lanes().replacing(with: value, where: place .== 0), at: upper)
      x.setLanes(Lanes().replacing(with: value, where: place .== 1), at: upper + 16)
      x.setLanes(Lanes().replacing(with: value, where: place .== 2), at: lower)
      x.setLanes(Lanes().replacing(with: value, where: place .== 3), at: lower + 16)
    }
  }

  /// Writes x at the pooling indices to y. This is the gradient of `scatter`.
  package func gather(
    _ x: UnsafePointer<Float>, poolingIndices: UnsafePointer<UInt8>, into y: UnsafeMutablePointer<Float>, task: Int
  ) {
    forEachWindow(task) { small, upper, lower in
      let place = poolingIndices.lanes(at: small)
      var value = x.lanes(at: upper)
      value = value.replacing(with: x.lanes(at: upper + 16), where: place .== 1)
      value = value.replacing(with: x.lanes(at: lower), where: place .== 2)
      value = value.replacing(with: x.lanes(at: lower + 16), where: place .== 3)
      y.setLanes(value, at: small)
    }
  }

  /// Calls `body` for the task's windows, with the index of the small pixel and of the left pixels of both rows.
  @inline(__always) private func forEachWindow(
    _ task: Int, _ body: (_ small: Int, _ upper: Int, _ lower: Int) -> Void
  ) {
    // Large planes have an even number of rows, so the rows of all planes can be numbered continuously.
    for row in task * rowsPerTask..<min((task + 1) * rowsPerTask, rows) {
      let small = row * smallWidth * 16
      let upper = small * 4
      let lower = upper + smallWidth * 32
      for column in 0..<smallWidth {
        body(small + column * 16, upper + column * 32, lower + column * 32)
      }
    }
  }
}
