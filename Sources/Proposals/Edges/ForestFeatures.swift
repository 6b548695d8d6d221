// The features of an image for a structured forest: CIE Luv, gradient magnitudes and orientation histograms at two
// scales in cells of `shrinkNumber` pixels, smoothed weakly for single features and strongly for self-similarity. They
// equal those of OpenCV's RFFeatureGetter, including its rounding.
import Images

struct ForestFeatures {
  /// The number of patches along each axis, one every `stride` pixels, or 0 where the image is too small.
  let patchRows: Int
  let patchColumns: Int
  /// The distance between two rows of cells in floats.
  let stride: Int
  /// The planes of all channels, one after the other.
  private let regularPlanes: UncheckedBuffer<Float>
  private let similarityPlanes: UncheckedBuffer<Float>
  var regular: UnsafeMutablePointer<Float> { regularPlanes.base }
  var similarity: UnsafeMutablePointer<Float> { similarityPlanes.base }
  /// The offset of each plain feature from the first cell of a patch.
  let offsets: UncheckedBuffer<Int>
  /// The two offsets of each difference feature.
  let pairs: UncheckedBuffer<(Int, Int)>

  init(_ image: RGBImage, _ options: StructuredForest.Options) {
    let padding = (options.patchSize - options.patchInnerSize) / 2
    let luv = LuvColor.planes(of: image, padding: padding)
    let shrink = options.shrinkNumber
    let width = Self.scaled(luv[0].width, by: 1, over: shrink)
    let height = Self.scaled(luv[0].height, by: 1, over: shrink)
    var channels = luv.map { $0.resized(width: width, height: height) }
    for half in [false, true] {
      let (w, h) =
        half
        ? (Self.scaled(luv[0].width, by: 0.5), Self.scaled(luv[0].height, by: 0.5)) : (luv[0].width, luv[0].height)
      let smooth = luv.map {
        $0.resized(width: w, height: h).smoothed(radius: options.gradientSmoothingRadius, border: .mirroredAtPixel)
      }
      let gradients = GradientHistogram(
        smooth, orientations: options.numberOfGradientOrientations, cell: max(1, half ? shrink / 2 : shrink),
        normalization: options.gradientNormalizationRadius)
      channels += ([gradients.magnitude] + gradients.histogram).map { $0.resized(width: width, height: height) }
    }
    let plane = channels[0].stride * height
    stride = channels[0].stride
    func smoothed(_ radius: Int) -> UncheckedBuffer<Float> {
      let all = UncheckedBuffer<Float>(repeating: 0, count: plane * channels.count)
      let radius = Int((Float(radius) / Float(shrink)).rounded(.toNearestOrEven))
      for (c, channel) in channels.enumerated() {
        (all.base + c * plane).update(
          from: channel.smoothed(radius: radius, border: .mirroredAtPixel).base, count: plane)
      }
      return all
    }
    regularPlanes = smoothed(options.regFeatureSmoothingRadius)
    similarityPlanes = smoothed(options.ssFeatureSmoothingRadius)

    // Rounding up to whole cells must not place votes outside the image.
    func patches(_ cells: Int, _ size: Int) -> Int {
      let middles = size < options.patchInnerSize ? 0 : (size - options.patchInnerSize) / options.stride + 1
      return min(middles, max(0, (cells * shrink - options.patchSize + options.stride - 1) / options.stride))
    }
    patchRows = patches(height, image.height)
    patchColumns = patches(width, image.width)

    // Features are numbered column by column, as in the arrays of the trainer.
    let (cells, stride) = (options.cells, self.stride)
    offsets = UncheckedBuffer(
      (0..<options.plainFeatures).map { (id: Int) -> Int in
        let (channel, place) = (id / (cells * cells), id % (cells * cells))
        return channel * plane + place % cells * stride + place / cells
      })
    let grid = options.selfsimilarityGridSize
    let half = Int((Double(cells) / (2 * Double(grid))).rounded(.toNearestOrEven))
    let positions = (1...grid).map { i -> Int in
      let middle = Double(i * (cells + 2 * half - 1)) / Double(grid + 1)
      return Int(middle - Double(half) + 0.5)
    }
    var pairs: [(Int, Int)] = []
    for c in 0..<channels.count {
      for first in 0..<grid * grid {
        for second in Swift.stride(from: first + 1, to: grid * grid, by: 1) {
          func offset(_ i: Int) -> Int {
            let (row, column) = (positions[i % grid], positions[i / grid])
            return c * plane + row * stride + column
          }
          pairs.append((offset(first), offset(second)))
        }
      }
    }
    self.pairs = UncheckedBuffer(pairs)
  }

  private static func scaled(_ size: Int, by factor: Float, over divisor: Int = 1) -> Int {
    max(1, Int((Float(size) * factor / Float(divisor)).rounded(.toNearestOrEven)))
  }
}

/// The gradients of the channel in which they are largest, and their histogram over orientations in square cells.
struct GradientHistogram {
  let magnitude: Plane
  let histogram: [Plane]

  init(_ channels: [Plane], orientations: Int, cell: Int, normalization: Int) {
    let (width, height) = (channels[0].width, channels[0].height)
    let raw = Plane(width: width, height: height)
    var angles = [Float](repeating: 0, count: width * height)
    for y in 0..<height {
      let (above, below) = (Border.mirrored.index(y - 1, height), Border.mirrored.index(y + 1, height))
      for x in 0..<width {
        let (left, right) = (Border.mirrored.index(x - 1, width), Border.mirrored.index(x + 1, width))
        var (best, bestX, bestY): (Float, Float, Float) = (-1, 0, 0)
        for channel in channels {
          let (dx, dy) = (
            channel.row(y)[right] - channel.row(y)[left], channel.row(below)[x] - channel.row(above)[x]
          )
          let square = dx * dx + dy * dy
          if square > best { (best, bestX, bestY) = (square, dx, dy) }
        }
        raw.row(y)[x] = best.squareRoot()
        angles[y * width + x] = Self.halfTurns(bestX, bestY)
      }
    }
    let mean = raw.smoothed(radius: normalization, border: .mirroredAtPixel)
    magnitude = Plane(width: width, height: height)
    histogram = (0..<orientations).map { _ in
      Plane(width: (width + cell - 1) / cell, height: (height + cell - 1) / cell)
    }
    for y in 0..<height {
      for x in 0..<width {
        let value = raw.row(y)[x] / (mean.row(y)[x] + 0.01)
        magnitude.row(y)[x] = value
        let bin = Int((angles[y * width + x] * Float(orientations)).rounded(.toNearestOrEven))
        histogram[bin >= orientations ? 0 : bin].row(y / cell)[x / cell] += value / Float(cell * cell)
      }
    }
  }

  /// Returns the axis of the gradient in half turns, 0...1, by the approximation of OpenCV's `fastAtan2`.
  private static func halfTurns(_ x: Float, _ y: Float) -> Float {
    let (a, b) = (x.magnitude, y.magnitude)
    if a + b < 1e-5 { return 0.5 }
    let degrees: Float = 57.29577951308232
    let t = a >= b ? b / (a + 2.220446e-16) : a / (b + 2.220446e-16)
    let q = t * t
    var angle =
      (((-0.04432655554792128 * degrees * q + 0.1555786518463281 * degrees) * q - 0.3258083974640975 * degrees) * q
        + 0.9997878412794807 * degrees) * t
    if a < b { angle = 90 - angle }
    if x < 0 { angle = 180 - angle }
    if y < 0 { angle = 360 - angle }
    return angle / 180 - (y < 0 ? 1 : 0)
  }
}
