// The weight gradient of a 3x3 convolution, as the exact adjoint of Winograd's F(4x4, 3x3).
//
//   dW = G' [ sum over tiles of (B' d B) * (A dY A') ] G
//
//   N images, C input channels, K output channels, H rows, W columns; activations (N, C/16, H, W, 16).
//   The tiles of all images are cut into chunks, and the channels into rectangles. A task sums the products of one
//   chunk and one rectangle and transforms the sums back to 3x3: [C/16][K/16][16][9][16]. These are added in the order
//   of the chunks and rearranged into the order of the weights. All cuts follow from the shape.
//
// Goals, in order of priority: results that do not depend on threads, speed, small memory.

/// The plan of one layer's weight gradient. It is fixed by the shape and holds no data.
package struct WinogradWeightGradient: Sendable {
  private let tiles: WinogradTiles
  private let inputBlocks: Int
  private let outputBlocks: Int
  private let inputCuts: Int
  private let outputCuts: Int
  private let chunks: Int

  private static let panel = 32
  /// The number of tiles transformed at a time.
  private static let blockTiles = 48
  /// The largest rectangle of channels, chosen so that the sums of a task stay in the second-level cache.
  private static let blocksOfCut = 4
  private static let panelsOfCut = 4
  private static let mostChunks = 64
  private static let patchFloats = Winograd.products * 16
  private static let taps = 9

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
    let panels = (outputChannels + Self.panel - 1) / Self.panel

    var best = (cost: Int.max, chunks: 1, inputCuts: 1, outputCuts: 1)
    for inputCuts in (inputBlocks + Self.blocksOfCut - 1) / Self.blocksOfCut...inputBlocks {
      for outputCuts in (panels + Self.panelsOfCut - 1) / Self.panelsOfCut...panels {
        let longest = ((inputBlocks + inputCuts - 1) / inputCuts, (panels + outputCuts - 1) / outputCuts)
        for chunks in 1...min(tiles.count, Self.mostChunks) {
          let cycles = Self.cycles(
            tiles: (tiles.count + chunks - 1) / chunks, blocks: longest.0, panels: longest.1)
          let cost = WinogradCuts.cost(tasks: chunks * inputCuts * outputCuts, longest: cycles)
          if cost < best.cost { best = (cost, chunks, inputCuts, outputCuts) }
        }
      }
    }
    chunks = best.chunks
    inputCuts = best.inputCuts
    outputCuts = best.outputCuts
  }

  private static func cycles(tiles: Int, blocks: Int, panels: Int) -> Int {
    // Transforming 16 channels by a panel back and adding them costs as much as the products of about eight tiles;
    // loading and storing the sums of a block of tiles costs as much as four.
    let blocksOfTiles = (tiles + blockTiles - 1) / blockTiles
    return tiles * (blocks * WinogradCuts.inputTransform + panels * 2 * WinogradCuts.outputTransform)
      + Winograd.products * blocks * panels * 32 * (tiles + 8 + 4 * blocksOfTiles)
  }

  private var panels: Int { (outputBlocks + 1) / 2 }
  private var chunkFloats: Int { Self.taps * inputBlocks * outputBlocks * 256 }

  /// Floats of the sums of all chunks, one buffer for all tasks.
  package var workspaceFloats: Int { chunks * chunkFloats }
  package var accumulationTasks: Int { chunks * inputCuts * outputCuts }

  /// The channels of the largest rectangle.
  private var mostInputs: Int { (inputBlocks + inputCuts - 1) / inputCuts * 16 }
  private var mostOutputs: Int { (panels + outputCuts - 1) / outputCuts * Self.panel }
  /// Floats between the values of two positions.
  private var inputPlane: Int { mostInputs * Self.blockTiles + Winograd.oddLines }
  private var outputPlane: Int { mostOutputs * Self.blockTiles + Winograd.oddLines }
  private var sumsPlane: Int { mostInputs * mostOutputs + Winograd.oddLines }
  package var scratchFloats: Int { Self.patchFloats + Winograd.products * (inputPlane + outputPlane + sumsPlane) }

  /// Writes the sums over the task's tiles and channels to its own part of `workspace`.
  ///
  /// `input` is (N, C/16, H, W, 16), `outputGradient` (N, K/16, H, W, 16).
  package func accumulate(
    input: UnsafePointer<Float>, outputGradient: UnsafePointer<Float>, workspace: UnsafeMutablePointer<Float>,
    task: Int, scratch: UnsafeMutablePointer<Float>
  ) {
    let (cut, chunk) = (task / chunks, task % chunks)
    let ownBlocks = WinogradCuts.part(cut / outputCuts, of: inputCuts, count: inputBlocks)
    let ownPanels = WinogradCuts.part(cut % outputCuts, of: outputCuts, count: panels)
    let ownTiles = WinogradCuts.part(chunk, of: chunks, count: tiles.count)
    let patch = scratch
    let inputs = scratch + Self.patchFloats
    let outputs = inputs + Winograd.products * inputPlane
    let sums = outputs + Winograd.products * outputPlane

    for start in stride(from: ownTiles.lowerBound, to: ownTiles.upperBound, by: Self.blockTiles) {
      let count = min(Self.blockTiles, ownTiles.upperBound - start)
      transformInputs(input, from: start, count: count, of: ownBlocks, into: inputs, patch: patch)
      transformGradients(outputGradient, from: start, count: count, of: ownPanels, into: outputs, patch: patch)
      for position in 0..<Winograd.products {
        var target = sums + position * sumsPlane
        for panel in ownPanels {
          let low = UnsafePointer(outputs + position * outputPlane + (panel - ownPanels.lowerBound) * 2 * count * 16)
          let isWide = panel * 2 + 1 < outputBlocks
          for eighth in 0..<ownBlocks.count * 2 {
            let source = UnsafePointer(inputs + position * inputPlane + eighth / 2 * count * 16 + eighth % 2 * 8)
            let continuing = start != ownTiles.lowerBound
            if isWide {
              ChannelProducts.eightBy32(
                source, low, low + count * 16, tiles: count, continuing: continuing, into: target)
            } else {
              ChannelProducts.eightBy16(source, low, tiles: count, continuing: continuing, into: target)
            }
            target += 8 * (isWide ? Self.panel : 16)
          }
        }
      }
    }
    transformBack(sums, ownBlocks, ownPanels, into: workspace + chunk * chunkFloats, columns: patch)
  }

  /// Writes G' M G of a task's sums, [panels][C][32], to the part of the workspace that belongs to its chunk.
  private func transformBack(
    _ sums: UnsafeMutablePointer<Float>, _ ownBlocks: Range<Int>, _ ownPanels: Range<Int>,
    into chunk: UnsafeMutablePointer<Float>, columns: UnsafeMutablePointer<Float>
  ) {
    var source = sums
    for panel in ownPanels {
      let width = min(Self.panel, (outputBlocks - panel * 2) * 16)
      for channel in ownBlocks.lowerBound * 16..<ownBlocks.upperBound * 16 {
        for half in 0..<width / 16 {
          for column in 0..<6 {
            let three = Winograd.weightGradient(source.six(at: column * sumsPlane + half * 16, step: 6 * sumsPlane))
            columns.setLanes(three.0, at: column * 16)
            columns.setLanes(three.1, at: column * 16 + 96)
            columns.setLanes(three.2, at: column * 16 + 192)
          }
          let target =
            chunk + ((channel / 16 * outputBlocks + panel * 2 + half) * 16 + channel % 16) * Self.taps * 16
          for row in 0..<3 {
            let three = Winograd.weightGradient(columns.six(at: row * 96, step: 16))
            target.setLanes(three.0, at: row * 48)
            target.setLanes(three.1, at: row * 48 + 16)
            target.setLanes(three.2, at: row * 48 + 32)
          }
        }
        source += width
      }
    }
  }

  /// Transforms some tiles of the inputs' channel blocks: [36][channel blocks][count][16].
  private func transformInputs(
    _ input: UnsafePointer<Float>, from firstTile: Int, count: Int, of ownBlocks: Range<Int>,
    into inputs: UnsafeMutablePointer<Float>, patch: UnsafeMutablePointer<Float>
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
  }

  /// Transforms some tiles of the output gradients of panels, as `transformInputs`.
  private func transformGradients(
    _ outputGradient: UnsafePointer<Float>, from firstTile: Int, count: Int, of ownPanels: Range<Int>,
    into outputs: UnsafeMutablePointer<Float>, patch: UnsafeMutablePointer<Float>
  ) {
    let mapFloats = tiles.height * tiles.width * 16
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

  /// Overwrites a part of `gradient`, [K][C][3][3], with the sum over chunks. All accumulation tasks must have ended.
  package func finish(
    workspace: UnsafePointer<Float>, into gradient: UnsafeMutablePointer<Float>, task: Int,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let (inputBlock, panel) = (task / panels, task % panels)
    for outputBlock in panel * 2..<min(panel * 2 + 2, outputBlocks) {
      let source = workspace + (inputBlock * outputBlocks + outputBlock) * 256 * Self.taps
      let target = gradient + (outputBlock * 16 * inputBlocks + inputBlock) * 16 * Self.taps
      // 16 channels by 9 taps are 144 rows of 16 output channels, or nine squares.
      for square in 0..<Self.taps {
        var rows = SixteenRows(source + square * 256, step: 16)
        for chunk in 1..<max(chunks, 1) { rows.add(source + chunk * chunkFloats + square * 256, step: 16) }
        rows.transposed.store(target + square * 16, step: inputBlocks * 16 * Self.taps)
      }
    }
  }
}
