// Im2col: the windows of a convolution without padding as rows of a matrix product, for the 7x7 and 1x1 layers over
// pool5, whose maps are small and whose weights are hundreds of megabytes.
//
//   N images, C channels (a multiple of 16), H rows, W columns, K x K kernel; maps are (N, C/16, H, W, 16);
//   R = N (H-K+1) (W-K+1) windows

/// Unfolds windows to rows of a matrix [R][C K K], and folds rows back to maps.
///
/// Row (n, y, x) holds the window whose upper left pixel is (y, x). Its columns are in (c, ky, kx) order, so plain
/// out x in x height x width weights are the matrix [out][C K K]. The rows times the transpose of that matrix are the
/// convolution. `fold` of a product with weights in x out x height x width is the transposed convolution.
package struct Im2Col: Sendable {
  private let images: Int
  private let blocks: Int
  private let height: Int
  private let width: Int
  private let kernel: Int
  private let outHeight: Int
  private let outWidth: Int
  private let rowsPerTask: Int

  /// Creates the plan for maps of a shape and a square kernel, whose side is at most H and W.
  package init(images: Int, channels: Int, height: Int, width: Int, kernel: Int) {
    precondition(channels % 16 == 0, "\(channels) channels are not a multiple of the channel block of 16")
    precondition(
      kernel >= 1 && kernel <= height && kernel <= width, "no \(kernel)x\(kernel) window in \(height)x\(width)")
    self.images = images
    blocks = channels / 16
    self.height = height
    self.width = width
    self.kernel = kernel
    outHeight = height - kernel + 1
    outWidth = width - kernel + 1
    rowsPerTask = max(16_384 / (channels * kernel * kernel), 1)
  }

  package var rows: Int { images * outHeight * outWidth }
  package var columns: Int { blocks * 16 * kernel * kernel }
  /// Floats of the maps.
  package var mapFloats: Int { images * blocks * 16 * height * width }

  /// The number of tasks of `unfold`.
  package var tasks: Int { (rows + rowsPerTask - 1) / rowsPerTask }

  /// Copies the windows of some rows.
  package func unfold(_ maps: UnsafePointer<Float>, into rows: UnsafeMutablePointer<Float>, task: Int) {
    let taps = kernel * kernel
    for row in task * rowsPerTask..<min((task + 1) * rowsPerTask, self.rows) {
      let (image, y, x) = window(row)
      for block in 0..<blocks {
        let plane = maps + (image * blocks + block) * height * width * 16
        let target = rows + row * columns + block * 16 * taps
        for ky in 0..<kernel {
          for kx in 0..<kernel {
            let source = plane + ((y + ky) * width + x + kx) * 16
            if taps == 1 {
              target.setLanes(source.lanes(at: 0), at: 0)
            } else {
              for lane in 0..<16 { target[lane * taps + ky * kernel + kx] = source[lane] }
            }
          }
        }
      }
    }
  }

  /// The number of tasks of `fold`: one per image and channel block.
  package var foldTasks: Int { images * blocks }

  /// Applies the adjoint of `unfold`: each element of the maps is the sum of its copies in the rows, in (ky, kx) order.
  package func fold(_ rows: UnsafePointer<Float>, into maps: UnsafeMutablePointer<Float>, task: Int) {
    let (image, block) = (task / blocks, task % blocks)
    let taps = kernel * kernel
    let plane = maps + task * height * width * 16
    for y in 0..<height {
      for x in 0..<width {
        var sum = Lanes()
        for ky in max(y - outHeight + 1, 0)...min(y, kernel - 1) {
          for kx in max(x - outWidth + 1, 0)...min(x, kernel - 1) {
            let row = (image * outHeight + y - ky) * outWidth + x - kx
            let source = rows + row * columns + block * 16 * taps
            if taps == 1 {
              sum = source.lanes(at: 0)
            } else {
              var values = Lanes()
              for lane in 0..<16 { values[lane] = source[lane * taps + ky * kernel + kx] }
              sum += values
            }
          }
        }
        plane.setLanes(sum, at: (y * width + x) * 16)
      }
    }
  }

  /// Folds the rows of some windows. All other windows count as zero.
  ///
  /// - Parameters:
  ///   - rows: one row for each of `windows`, in their order.
  ///   - windows: indices of windows in 0..<R, ascending.
  package func fold(
    _ rows: UnsafePointer<Float>, ofWindows windows: [Int], into maps: UnsafeMutablePointer<Float>, task: Int
  ) {
    let (image, block) = (task / blocks, task % blocks)
    let taps = kernel * kernel
    let plane = maps + task * height * width * 16
    plane.update(repeating: 0, count: height * width * 16)
    // From the last window to the first, each pixel is summed in the (ky, kx) order of the other `fold`.
    for index in windows.indices.reversed() {
      let (owner, y, x) = window(windows[index])
      if owner != image { continue }
      let source = rows + index * columns + block * 16 * taps
      for ky in 0..<kernel {
        for kx in 0..<kernel {
          let place = plane + ((y + ky) * width + x + kx) * 16
          var values = Lanes()
          for lane in 0..<16 { values[lane] = source[lane * taps + ky * kernel + kx] }
          place.setLanes(place.lanes(at: 0) + values, at: 0)
        }
      }
    }
  }

  private func window(_ row: Int) -> (image: Int, y: Int, x: Int) {
    (row / (outHeight * outWidth), row / outWidth % outHeight, row % outWidth)
  }
}
