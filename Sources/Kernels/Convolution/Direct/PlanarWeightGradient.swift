// The weight gradient of the network's first layer: 27 sums over all pixels for each output channel.
//
//   N images, K output channels, H rows, W columns; planes (N, 3, H, W), gradients (N, K/16, H, W, 16).
//   The rows of all images are cut into chunks by the shape. A row's 27 sums of 16 channels stay in registers, are
//   added to the chunk's, and the chunks are added in order.
//
// Goals, in this order: results that do not depend on threads, speed, brevity.

/// The plan of the first layer's weight gradient: fixed by the shape, it holds no data.
package struct PlanarWeightGradient: Sendable {
  private let images: Int
  private let outputBlocks: Int
  private let height: Int
  private let width: Int
  private let chunks: Int

  private static let planes = 3
  private static let taps = 27
  /// Accumulation tasks aimed at: enough for the cores of one rank.
  private static let enoughTasks = 64

  package init(images: Int, outputChannels: Int, height: Int, width: Int) {
    precondition(
      outputChannels % 16 == 0 && outputChannels > 0, "\(outputChannels) output channels, not a multiple of 16")
    precondition(
      images > 0 && height > 0 && width > 0, "\(images) images of \(height) x \(width): nothing to do")
    (self.images, self.height, self.width) = (images, height, width)
    outputBlocks = outputChannels / 16
    chunks = min(Self.enoughTasks, images * height)
  }

  private var chunkFloats: Int { outputBlocks * Self.taps * 16 }
  private var paddedWidth: Int { width + 2 }

  package var workspaceFloats: Int { chunks * chunkFloats }
  package var accumulationTasks: Int { chunks }
  package var scratchFloats: Int { Self.planes * 3 * paddedWidth }

  /// Sums one chunk of rows into its own part of `workspace`, whatever that held before.
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

  /// Adds the chunks' sums into `gradient`, [K][3][3][3], overwritten. Every accumulation task must have ended.
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

/// The sums of one input plane's 3x3 taps, each for 16 output channels.
struct NineTaps {
  private typealias Lanes = SIMD16<Float>
  private var tap0, tap1, tap2, tap3, tap4, tap5, tap6, tap7, tap8: SIMD16<Float>

  @inline(__always)
  init() {
    (tap0, tap1, tap2) = (.zero, .zero, .zero)
    (tap3, tap4, tap5) = (.zero, .zero, .zero)
    (tap6, tap7, tap8) = (.zero, .zero, .zero)
  }

  @inline(__always)
  mutating func add(_ pixels: UnsafePointer<Float>, line: Int, _ gradient: SIMD16<Float>) {
    tap0.addProduct(gradient, Lanes(repeating: pixels[0]))
    tap1.addProduct(gradient, Lanes(repeating: pixels[1]))
    tap2.addProduct(gradient, Lanes(repeating: pixels[2]))
    tap3.addProduct(gradient, Lanes(repeating: pixels[line]))
    tap4.addProduct(gradient, Lanes(repeating: pixels[line + 1]))
    tap5.addProduct(gradient, Lanes(repeating: pixels[line + 2]))
    tap6.addProduct(gradient, Lanes(repeating: pixels[2 * line]))
    tap7.addProduct(gradient, Lanes(repeating: pixels[2 * line + 1]))
    tap8.addProduct(gradient, Lanes(repeating: pixels[2 * line + 2]))
  }

  @inline(__always)
  func add(to sums: UnsafeMutablePointer<Float>) {
    sums.setLanes(sums.lanes(at: 0) + tap0, at: 0)
    sums.setLanes(sums.lanes(at: 16) + tap1, at: 16)
    sums.setLanes(sums.lanes(at: 32) + tap2, at: 32)
    sums.setLanes(sums.lanes(at: 48) + tap3, at: 48)
    sums.setLanes(sums.lanes(at: 64) + tap4, at: 64)
    sums.setLanes(sums.lanes(at: 80) + tap5, at: 80)
    sums.setLanes(sums.lanes(at: 96) + tap6, at: 96)
    sums.setLanes(sums.lanes(at: 112) + tap7, at: 112)
    sums.setLanes(sums.lanes(at: 128) + tap8, at: 128)
  }
}
