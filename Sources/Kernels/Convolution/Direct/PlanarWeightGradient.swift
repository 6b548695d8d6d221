// The weight gradient of `PlanarConvolution`: 27 sums over all pixels for each output channel.
//
//   N images, K output channels, H rows, W columns; planes (N, 3, H, W), gradients (N, K/16, H, W, 16).
//   The rows of all images are cut into chunks by the shape. The 27 sums of a row for 16 channels stay in registers and
//   are added to the sums of the chunk. Chunks are added in their order.
//
// Goals, in order of priority: results that do not depend on threads, speed, brevity.

/// The plan of the weight gradient. It is fixed by the shape and holds no data.
package struct PlanarWeightGradient: Sendable {
  private let images: Int
  private let outputBlocks: Int
  private let height: Int
  private let width: Int
  private let chunks: Int

  private static let planes = 3
  private static let taps = 27
  /// The intended number of accumulation tasks, enough for the cores of one rank.
  private static let enoughTasks = 64

  package init(images: Int, outputChannels: Int, height: Int, width: Int) {
    precondition(
      outputChannels % 16 == 0 && outputChannels > 0, "\(outputChannels) output channels, not a multiple of 16")
    precondition(
      images > 0 && height > 0 && width > 0, "\(images) images of \(height) x \(width): nothing to do")
    self.images = images
    self.height = height
    self.width = width
    outputBlocks = outputChannels / 16
    chunks = min(Self.enoughTasks, images * height)
  }

  private var chunkFloats: Int { outputBlocks * Self.taps * 16 }
  private var paddedWidth: Int { width + 2 }

  package var workspaceFloats: Int { chunks * chunkFloats }
  package var accumulationTasks: Int { chunks }
  package var scratchFloats: Int { Self.planes * 3 * paddedWidth }

  /// Writes the sums over one chunk of rows to its own part of `workspace`.
  package func accumulate(
    planes: UnsafePointer<Float>, outputGradient: UnsafePointer<Float>, workspace: UnsafeMutablePointer<Float>,
    task: Int, scratch: UnsafeMutablePointer<Float>
  ) {
    let sums = workspace + task * chunkFloats
    sums.update(repeating: 0, count: chunkFloats)
    for row in task * images * height / chunks..<(task + 1) * images * height / chunks {
      let (image, y) = (row / height, row % height)
      for line in 0..<Self.planes * 3 {
        copyBordered(
          planes + (image * Self.planes + line / 3) * height * width, row: y + line % 3 - 1, height: height,
          width: width, into: scratch + line * paddedWidth, paddedWidth: paddedWidth)
      }
      for block in 0..<outputBlocks {
        let gradients = outputGradient + ((image * outputBlocks + block) * height + y) * width * 16
        addRow(scratch, gradients, to: sums + block * Self.taps * 16)
      }
    }
  }

  private func addRow(
    _ lines: UnsafePointer<Float>, _ gradients: UnsafePointer<Float>, to sums: UnsafeMutablePointer<Float>
  ) {
    var (first, second, third) = (NineTaps(), NineTaps(), NineTaps())
    let plane = 3 * paddedWidth
    for x in 0..<width {
      let gradient = gradients.lanes(at: x * 16)
      first.add(lines + x, line: paddedWidth, gradient)
      second.add(lines + plane + x, line: paddedWidth, gradient)
      third.add(lines + 2 * plane + x, line: paddedWidth, gradient)
    }
    first.add(to: sums)
    second.add(to: sums + 9 * 16)
    third.add(to: sums + 18 * 16)
  }

  package var finishTasks: Int { outputBlocks }

  /// Overwrites a part of `gradient`, [K][3][3][3], with the sum over chunks. All accumulation tasks must have ended.
  package func finish(
    workspace: UnsafePointer<Float>, into gradient: UnsafeMutablePointer<Float>, task: Int,
    scratch: UnsafeMutablePointer<Float>
  ) {
    for tap in 0..<Self.taps {
      let source = workspace + (task * Self.taps + tap) * 16
      var sum = source.lanes(at: 0)
      for chunk in 1..<max(chunks, 1) { sum += source.lanes(at: chunk * chunkFloats) }
      for lane in 0..<16 { gradient[(task * 16 + lane) * Self.taps + tap] = sum[lane] }
    }
  }
}
