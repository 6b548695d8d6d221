// The weight gradient of a 3x3 convolution, as the exact adjoint of Winograd's F(4x4, 3x3).
//
//   dW = G' [ sum over tiles of (B' d B) * (A dY A') ] G
//
//   N images, C input channels, K output channels, H rows, W columns; activations (N, C/16, H, W, 16).
//   The tiles of all images are cut into chunks, the channels into squares of at most 128 x 128. Each chunk has its own
//   sums, [C/8][K/32][36][8][32], and the sums are added in the order of the chunks: all cuts follow from the shape.
//
// Goals, in this order: results that do not depend on threads, speed, small memory.

/// The plan of one layer's weight gradient: fixed by the shape, it holds no data.
package struct WinogradWeightGradient: Sendable {
  private let tiles: WinogradTiles
  private let inputBlocks: Int
  private let outputBlocks: Int
  private let inputCuts: Int
  private let outputCuts: Int
  private let chunks: Int

  private static let panel = 32
  /// Tiles that are transformed at a time.
  private static let blockTiles = 96
  private static let blocksOfCut = 8
  private static let panelsOfCut = 4
  /// Accumulation tasks aimed at: enough for the cores of one rank.
  private static let enoughTasks = 32
  /// Bound of the workspace where more than one chunk is a choice: 200 MB.
  private static let workspaceBound = 50_000_000
  private static let patchFloats = Winograd.products * 16

  /// Channels are multiples of 16; maps are of any size.
  package init(images: Int, inputChannels: Int, outputChannels: Int, height: Int, width: Int) {
    precondition(inputChannels % 16 == 0 && inputChannels > 0, "\(inputChannels) input channels, not a multiple of 16")
    precondition(
      outputChannels % 16 == 0 && outputChannels > 0, "\(outputChannels) output channels, not a multiple of 16")
    precondition(
      images > 0 && height > 0 && width > 0, "\(images) images of \(height) x \(width): nothing to do")
    tiles = WinogradTiles(images: images, height: height, width: width)
    inputBlocks = inputChannels / 16
    outputBlocks = outputChannels / 16
    inputCuts = (inputBlocks + Self.blocksOfCut - 1) / Self.blocksOfCut
    outputCuts = ((outputBlocks + 1) / 2 + Self.panelsOfCut - 1) / Self.panelsOfCut
    let byTasks = (Self.enoughTasks + inputCuts * outputCuts - 1) / (inputCuts * outputCuts)
    let byTiles = (tiles.count + Self.blockTiles - 1) / Self.blockTiles
    let byMemory = Self.workspaceBound / (Winograd.products * inputChannels * outputChannels)
    chunks = max(1, min(byTasks, byTiles, byMemory))
  }

  private var panels: Int { (outputBlocks + 1) / 2 }
  private var chunkFloats: Int { Winograd.products * inputBlocks * outputBlocks * 256 }

  /// Floats of the sums of all chunks: one buffer for all tasks.
  package var workspaceFloats: Int { chunks * chunkFloats }
  package var accumulationTasks: Int { chunks * inputCuts * outputCuts }

  private var inputPlane: Int { Self.blocksOfCut * 16 * Self.blockTiles + 80 }
  private var outputPlane: Int { Self.panelsOfCut * Self.panel * Self.blockTiles + 80 }
  package var scratchFloats: Int { Self.patchFloats + Winograd.products * (inputPlane + outputPlane) }

  /// The place of the sums of eight input channels and one panel of output channels within a chunk.
  private func sumsOffset(eighth: Int, panel: Int) -> Int {
    Winograd.products * 8 * (eighth * outputBlocks * 16 + panel * Self.panel)
  }

  /// Sums one task's part of tiles and channels into its own part of `workspace`, whatever that held before.
  ///
  /// `input` is (N, C/16, H, W, 16), `outputGradient` (N, K/16, H, W, 16).
  package func accumulate(
    input: UnsafePointer<Float>, outputGradient: UnsafePointer<Float>, workspace: UnsafeMutablePointer<Float>,
    task: Int, scratch: UnsafeMutablePointer<Float>
  ) {
    let (chunk, cut) = (task / (inputCuts * outputCuts), task % (inputCuts * outputCuts))
    let (inputCut, outputCut) = (cut / outputCuts, cut % outputCuts)
    let ownBlocks = inputCut * inputBlocks / inputCuts..<(inputCut + 1) * inputBlocks / inputCuts
    let ownPanels = outputCut * panels / outputCuts..<(outputCut + 1) * panels / outputCuts
    let sums = workspace + chunk * chunkFloats
    let (first, last) = (chunk * tiles.count / chunks, (chunk + 1) * tiles.count / chunks)
    let patch = scratch
    let inputs = scratch + Self.patchFloats
    let outputs = inputs + Winograd.products * inputPlane

    for start in stride(from: first, to: last, by: Self.blockTiles) {
      let count = min(Self.blockTiles, last - start)
      transform(input, outputGradient, start, count, ownBlocks, ownPanels, inputs, outputs, patch)
      for position in 0..<Winograd.products {
        for panel in ownPanels {
          let low = UnsafePointer(outputs + position * outputPlane + (panel - ownPanels.lowerBound) * 2 * count * 16)
          let isWide = panel * 2 + 1 < outputBlocks
          for eighth in ownBlocks.lowerBound * 2..<ownBlocks.upperBound * 2 {
            let block = eighth / 2 - ownBlocks.lowerBound
            let source = UnsafePointer(inputs + position * inputPlane + block * count * 16 + eighth % 2 * 8)
            let target =
              sums + sumsOffset(eighth: eighth, panel: panel) + position * 8 * (isWide ? Self.panel : 16)
            if isWide {
              ChannelProducts.eightBy32(
                source, low, low + count * 16, tiles: count, continuing: start != first, target)
            } else {
              ChannelProducts.eightBy16(source, low, tiles: count, continuing: start != first, target)
            }
          }
        }
      }
    }
  }

  /// Brings a block of tiles of the task's channels into the Winograd domain: [36][channel blocks][count][16].
  private func transform(
    _ input: UnsafePointer<Float>, _ outputGradient: UnsafePointer<Float>, _ firstTile: Int, _ count: Int,
    _ ownBlocks: Range<Int>, _ ownPanels: Range<Int>,
    _ inputs: UnsafeMutablePointer<Float>, _ outputs: UnsafeMutablePointer<Float>, _ patch: UnsafeMutablePointer<Float>
  ) {
    let mapFloats = tiles.height * tiles.width * 16
    for block in ownBlocks {
      var place = tiles.place(firstTile)
      let target = inputs + (block - ownBlocks.lowerBound) * count * 16
      for tile in 0..<count {
        let map = input + (place.image * inputBlocks + block) * mapFloats
        tiles.transformInput(map, place, into: target + tile * 16, plane: inputPlane, patch: patch)
        tiles.advance(&place)
      }
    }
    for block in ownPanels.lowerBound * 2..<min(ownPanels.upperBound * 2, outputBlocks) {
      var place = tiles.place(firstTile)
      let target = outputs + (block - ownPanels.lowerBound * 2) * count * 16
      for tile in 0..<count {
        let map = outputGradient + (place.image * outputBlocks + block) * mapFloats
        tiles.transformOutputGradient(map, place, into: target + tile * 16, plane: outputPlane, patch: patch)
        tiles.advance(&place)
      }
    }
  }

  package var finishTasks: Int { inputBlocks * panels }

  /// Adds the chunks' sums and brings a part of them back: `gradient` is [K][C][3][3] and overwritten.
  ///
  /// Every accumulation task must have ended.
  package func finish(
    workspace: UnsafePointer<Float>, into gradient: UnsafeMutablePointer<Float>, task: Int,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let (block, panel) = (task / panels, task % panels)
    let width = min(Self.panel, (outputBlocks - panel * 2) * 16)
    let (sums, columns) = (scratch, scratch + Winograd.products * 16)
    for channel in block * 16..<block * 16 + 16 {
      let source = workspace + sumsOffset(eighth: channel / 8, panel: panel) + channel % 8 * width
      for half in stride(from: 0, to: width, by: 16) {
        for position in 0..<Winograd.products {
          var sum = source.lanes(at: position * 8 * width + half)
          for chunk in 1..<max(chunks, 1) { sum += source.lanes(at: chunk * chunkFloats + position * 8 * width + half) }
          sums.setLanes(sum, at: position * 16)
        }
        for column in 0..<6 {
          let three = Winograd.weightGradient(sums.six(at: column * 16, step: 96))
          columns.setLanes(three.0, at: column * 16)
          columns.setLanes(three.1, at: column * 16 + 96)
          columns.setLanes(three.2, at: column * 16 + 192)
        }
        for row in 0..<3 {
          let three = Winograd.weightGradient(columns.six(at: row * 96, step: 16))
          for lane in 0..<16 {
            let target = gradient + ((panel * Self.panel + half + lane) * inputBlocks * 16 + channel) * 9 + row * 3
            target[0] = three.0[lane]
            target[1] = three.1[lane]
            target[2] = three.2[lane]
          }
        }
      }
    }
  }
}
