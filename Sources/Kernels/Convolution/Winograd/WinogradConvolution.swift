// 3x3 convolution, stride 1, padding 1, by Winograd's F(4x4, 3x3): forward pass and data gradient.
//
//   N images, C input channels, K output channels, H rows, W columns; activations (N, C/16, H, W, 16).
//   A block is up to 96 tiles of 4x4 outputs, a multiple of four. Its input factors are
//   [36][groups of 12 tiles][C/16][12][16], the weights [36][panels of 32 output channels][C][32], the products of some
//   panels [36][K/16][tiles][16].
//
// Goals, in order of priority: speed, accuracy, small memory.

/// The plan of one layer's convolution. It is fixed by the shape and holds no data.
///
/// One task sums each output over the input channels in a fixed order, so results do not depend on the threads.
package struct WinogradConvolution: Sendable {
  private let tiles: WinogradTiles
  private let inputBlocks: Int
  private let outputBlocks: Int
  /// The number of parts into which the tiles are cut, of at least four tiles each.
  private let blocks: Int
  /// The number of parts into which the panels of output channels are cut. Each transforms its inputs again.
  private let cuts: Int
  /// The number of panels whose products are kept at a time.
  private let panelsAtOnce: Int

  private static let group = 12
  private static let quad = 4
  private static let panel = 32
  private static let preparedChannels = 64
  /// Up to this many input channels, a block of tiles and the products of one panel stay in the second-level cache.
  /// Wider layers stream both, and larger blocks then read the weights less often.
  private static let narrow = 128
  private static let narrowQuads = 12
  private static let wideQuads = 24
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
    let panels = (outputChannels + Self.panel - 1) / Self.panel
    let quads = (tiles.count + Self.quad - 1) / Self.quad
    let isNarrow = inputChannels <= Self.narrow
    let largestBlock = isNarrow ? Self.narrowQuads : Self.wideQuads

    var best = (cost: Int.max, blocks: 1, cuts: 1)
    for quadsInBlock in 1...min(quads, largestBlock) {
      let blocks = (quads + quadsInBlock - 1) / quadsInBlock
      for cuts in 1...panels {
        let ownPanels = (panels + cuts - 1) / cuts
        let cost = WinogradCuts.cost(
          tasks: blocks * cuts,
          longest: Self.cycles(tiles: quadsInBlock * Self.quad, inputs: inputChannels, panels: ownPanels))
        if cost < best.cost { best = (cost, blocks, cuts) }
      }
    }
    blocks = best.blocks
    cuts = best.cuts
    panelsAtOnce = isNarrow ? 1 : (panels + cuts - 1) / cuts
  }

  private static func cycles(tiles: Int, inputs: Int, panels: Int) -> Int {
    // Reading weights from memory costs about as much as four more tiles.
    tiles * inputs / 16 * WinogradCuts.inputTransform + tiles * panels * 2 * WinogradCuts.outputTransform
      + Winograd.products * inputs * panels * 2 * (tiles + 4)
  }

  private var quads: Int { (tiles.count + Self.quad - 1) / Self.quad }
  /// The number of tiles in the largest block.
  private var blockTiles: Int { (quads + blocks - 1) / blocks * Self.quad }
  private var panels: Int { (outputBlocks + 1) / 2 }
  private var inputChannels: Int { inputBlocks * 16 }

  // MARK: Weights

  /// Floats of the transformed weights, which depend on the channels alone.
  package var preparedCount: Int { Winograd.products * preparedPlane }
  /// Floats between the weights of two positions. The odd number of cache lines keeps them in different cache sets.
  private var preparedPlane: Int { inputBlocks * outputBlocks * 256 + Winograd.oddLines }

  private var preparedParts: Int { (inputChannels + Self.preparedChannels - 1) / Self.preparedChannels }

  package var preparationTasks: Int { outputBlocks * preparedParts }

  /// Transforms a part of the weights, U = G g G', into `prepared` (`preparedCount` floats).
  ///
  /// - Parameter rotated: false for weights [out][in][3][3] in the channels of this plan, as in the forward pass of a
  ///   convolution or the data gradient of a transposed one. True for weights [in][out][3][3] whose kernels are rotated
  ///   by 180 degrees, as in the data gradient of a convolution or the forward pass of a transposed one.
  package func prepare(
    _ weights: UnsafePointer<Float>, rotated: Bool, into prepared: UnsafeMutablePointer<Float>, task: Int
  ) {
    let (block, part) = (task / preparedParts, task % preparedParts)
    let panel = block / 2
    let width = min(Self.panel, (outputBlocks - panel * 2) * 16)
    let plane = preparedPlane
    let target = prepared + panel * Self.panel * inputChannels + block % 2 * 16
    let outputStep = rotated ? 9 : inputChannels * 9
    let inputStep = rotated ? outputBlocks * 16 * 9 : 9

    let first = part * Self.preparedChannels
    for channel in first..<min(first + Self.preparedChannels, inputChannels) {
      let source = weights + block * 16 * outputStep + channel * inputStep
      // Loads take sixteen floats, of which nine are needed. The last load starts earlier, to end with the weights.
      let last = SixteenRows.shiftedBySeven(source.lanes(at: 15 * outputStep - 7))
      let rows = SixteenRows { $0 < 15 ? source.lanes(at: $0 * outputStep) : last }.transposed
      let (a, b, c) =
        rotated
        ? (
          (rows.lower.0, rows.upper.7, rows.upper.6), (rows.upper.5, rows.upper.4, rows.upper.3),
          (rows.upper.2, rows.upper.1, rows.upper.0)
        )
        : (
          (rows.upper.0, rows.upper.1, rows.upper.2), (rows.upper.3, rows.upper.4, rows.upper.5),
          (rows.upper.6, rows.upper.7, rows.lower.0)
        )
      let (row0, row1, row2) = (Winograd.weights(a), Winograd.weights(b), Winograd.weights(c))
      let place = target + channel * width
      place.setSix(Winograd.weights((row0.0, row1.0, row2.0)), at: 0, step: 6 * plane)
      place.setSix(Winograd.weights((row0.1, row1.1, row2.1)), at: plane, step: 6 * plane)
      place.setSix(Winograd.weights((row0.2, row1.2, row2.2)), at: 2 * plane, step: 6 * plane)
      place.setSix(Winograd.weights((row0.3, row1.3, row2.3)), at: 3 * plane, step: 6 * plane)
      place.setSix(Winograd.weights((row0.4, row1.4, row2.4)), at: 4 * plane, step: 6 * plane)
      place.setSix(Winograd.weights((row0.5, row1.5, row2.5)), at: 5 * plane, step: 6 * plane)
    }
  }

  // MARK: Convolution

  package var tasks: Int { blocks * cuts }

  private var factorPlane: Int { inputChannels * blockTiles + Winograd.oddLines }
  private var productPlane: Int { panelsAtOnce * Self.panel * blockTiles + Winograd.oddLines }

  package var scratchFloats: Int { Self.patchFloats + Winograd.products * (factorPlane + productPlane) }

  /// Computes a part of output = convolution of input with the prepared weights + bias, rectified at 0 if asked.
  ///
  /// `input` is (N, C/16, H, W, 16), `output` (N, K/16, H, W, 16) and overwritten, `bias` K floats or nil for none.
  package func apply(
    _ input: UnsafePointer<Float>, prepared: UnsafePointer<Float>, bias: UnsafePointer<Float>?, rectified: Bool,
    into output: UnsafeMutablePointer<Float>, task: Int, scratch: UnsafeMutablePointer<Float>
  ) {
    // Successive tasks share their weights.
    let (cut, block) = (task / blocks, task % blocks)
    let ownQuads = WinogradCuts.part(block, of: blocks, count: quads)
    let firstTile = ownQuads.lowerBound * Self.quad
    let count = min(ownQuads.count * Self.quad, tiles.count - firstTile)
    let ownPanels = WinogradCuts.part(cut, of: cuts, count: panels)
    let patch = scratch
    let factors = scratch + Self.patchFloats
    let products = factors + Winograd.products * factorPlane

    transformInputs(input, from: firstTile, count: count, into: factors, patch: patch)
    for firstPanel in stride(from: ownPanels.lowerBound, to: ownPanels.upperBound, by: panelsAtOnce) {
      let lastPanel = min(firstPanel + panelsAtOnce, ownPanels.upperBound)
      for position in 0..<Winograd.products {
        let positionFactors = UnsafePointer(factors + position * factorPlane)
        let positionProducts = products + position * productPlane
        let positionWeights = prepared + position * preparedPlane
        for panel in firstPanel..<lastPanel {
          let weights = positionWeights + panel * Self.panel * inputChannels
          let target = positionProducts + (panel - firstPanel) * Self.panel * blockTiles
          multiply(positionFactors, weights, isWide: panel * 2 + 1 < outputBlocks, count: count, into: target)
        }
      }
      for outputBlock in firstPanel * 2..<min(lastPanel * 2, outputBlocks) {
        let lanes = bias.map { $0.lanes(at: outputBlock * 16) } ?? .zero
        let source = products + (outputBlock - firstPanel * 2) * 16 * blockTiles
        var place = tiles.place(firstTile)
        for tile in 0..<count {
          let map = output + (place.image * outputBlocks + outputBlock) * tiles.height * tiles.width * 16
          tiles.transformOutput(
            source + tile * 16, plane: productPlane, bias: lanes, rectified: rectified, into: map, place, patch: patch)
          tiles.advance(&place)
        }
      }
    }
  }

  /// The size of the group that starts at `tile` in a block of `count` tiles: 12, or the rest rounded up to 4, 8 or 12.
  @inline(__always)
  private func groupTiles(at tile: Int, of count: Int) -> Int { min(Self.group, (count - tile + 3) / 4 * 4) }

  private func transformInputs(
    _ input: UnsafePointer<Float>, from firstTile: Int, count: Int, into factors: UnsafeMutablePointer<Float>,
    patch: UnsafeMutablePointer<Float>
  ) {
    let mapFloats = tiles.height * tiles.width * 16
    for inputBlock in 0..<inputBlocks {
      var place = tiles.place(firstTile)
      for start in stride(from: 0, to: count, by: Self.group) {
        let inGroup = groupTiles(at: start, of: count)
        let target = factors + start * inputChannels + inputBlock * inGroup * 16
        let real = min(inGroup, count - start)
        for tile in 0..<real {
          let map = input + (place.image * inputBlocks + inputBlock) * mapFloats
          tiles.transformInput(map, place, into: target + tile * 16, plane: factorPlane, patch: patch)
          tiles.advance(&place)
        }
        for tile in real..<inGroup {
          for position in 0..<Winograd.products { target.setLanes(.zero, at: position * factorPlane + tile * 16) }
        }
      }
    }
  }

  /// Multiplies a block of tiles with one panel of weights, at one position.
  @inline(__always)
  private func multiply(
    _ factors: UnsafePointer<Float>, _ weights: UnsafePointer<Float>, isWide: Bool, count: Int,
    into target: UnsafeMutablePointer<Float>
  ) {
    for start in stride(from: 0, to: count, by: Self.group) {
      let inGroup = groupTiles(at: start, of: count)
      let group = factors + start * inputChannels
      let low = target + start * 16
      let high = low + blockTiles * 16
      if !isWide {
        TileProducts.by16(inGroup, group, weights, blocks: inputBlocks, into: low)
      } else if inGroup == 12 {
        TileProducts.twelveBy32(group, weights, blocks: inputBlocks, low: low, high: high)
      } else if inGroup == 8 {
        TileProducts.eightBy32(group, weights, blocks: inputBlocks, low: low, high: high)
      } else {
        TileProducts.fourBy32(group, weights, blocks: inputBlocks, low: low, high: high)
      }
    }
  }
}
