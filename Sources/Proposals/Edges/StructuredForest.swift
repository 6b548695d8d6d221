// The edge detector by structured forests (Dollar and Zitnick, "Fast Edge Detection Using Structured Forests", PAMI
// 2015): each tree of a forest classifies a patch and votes for edge pixels in its middle. The model is a file of
// OpenCV's StructuredEdgeDetection (opencv_contrib, ximgproc), and the edges equal OpenCV's.
//
// Goals in order: OpenCV's edges (checked against it), the same edges on every machine, speed.
import Images

package struct StructuredForest: EdgeDetector {
  /// The `options` of the file, with the same names.
  struct Options: Sendable, Equatable {
    var stride = 0
    var shrinkNumber = 0
    var patchSize = 0
    var patchInnerSize = 0
    var numberOfGradientOrientations = 0
    var gradientSmoothingRadius = 0
    var regFeatureSmoothingRadius = 0
    var ssFeatureSmoothingRadius = 0
    var gradientNormalizationRadius = 0
    var selfsimilarityGridSize = 0
    var numberOfTrees = 0
    var numberOfTreesToEvaluate = 0

    /// The channels per cell: 3 of colour, and a magnitude and the orientations at each of two scales.
    var channels: Int { 2 * (numberOfGradientOrientations + 1) + 3 }
    /// The number of cells along a side of a patch.
    var cells: Int { patchSize / shrinkNumber }
    /// A feature with a lower number is a channel of one cell; others are differences of two cells.
    var plainFeatures: Int { cells * cells * channels }
    var pairFeatures: Int {
      let grid = selfsimilarityGridSize * selfsimilarityGridSize
      return grid * (grid - 1) / 2 * channels
    }
  }

  let options: Options
  /// The number of nodes per tree. The nodes of the trees are stored one tree after the other.
  let nodesOfTree: Int
  /// The child, numbered within the tree, for a feature that is not below the threshold; the other child is the node
  /// before it. 0 at a leaf.
  let childs: [Int32]
  let featureIds: [Int32]
  let thresholds: [Float]
  /// The votes of a leaf: edgeBins[edgeBoundaries[node]..<edgeBoundaries[node + 1]].
  let edgeBoundaries: [Int32]
  /// The pixels in the middle of the patch, as x * patchInnerSize + y.
  let edgeBins: [UInt16]

  /// The distance across an edge within which a stronger one suppresses it (published as 2).
  package var thinning = 2

  /// Returns thinned edges with their orientation.
  package func edges(of image: RGBImage) -> EdgeMap {
    let strength = edgeStrength(of: image)
    let orientation = RidgeOrientation.angles(of: strength, radius: 4)
    return EdgeMap(
      width: image.width, height: image.height, magnitude: strength.values.map { max(0, min(1, $0)) },
      orientation: orientation
    ).thinned(radius: thinning)
  }

  /// Returns the votes like OpenCV's `detectEdges`: H x W values from 0 to about 2, not thinned.
  package func votes(of image: RGBImage) -> [Float] { edgeStrength(of: image).values }

  private func edgeStrength(of image: RGBImage) -> Plane {
    let features = ForestFeatures(image, options)
    let counts = UncheckedBuffer<Int32>(repeating: 0, count: image.width * image.height)
    childs.withUnsafeBufferPointer { childs in
      featureIds.withUnsafeBufferPointer { ids in
        thresholds.withUnsafeBufferPointer { thresholds in
          edgeBoundaries.withUnsafeBufferPointer { boundaries in
            edgeBins.withUnsafeBufferPointer { bins in
              let forest = Pointers(
                childs: childs.baseAddress!, featureIds: ids.baseAddress!, thresholds: thresholds.baseAddress!,
                edgeBoundaries: boundaries.baseAddress!, edgeBins: bins.baseAddress)
              vote(forest, features, counts, width: image.width)
            }
          }
        }
      }
    }
    let stride = options.stride, inner = options.patchInnerSize
    let step = 2 * Float(stride * stride) / Float(inner * inner) / Float(options.numberOfTreesToEvaluate)
    let plane = Plane(width: image.width, height: image.height)
    for y in 0..<image.height {
      for x in 0..<image.width { plane.row(y)[x] = Float(counts.base[y * image.width + x]) * step }
    }
    return plane.smoothed(radius: 1, border: .mirroredAtPixel)
  }

  private struct Pointers {
    var childs: UnsafePointer<Int32>
    var featureIds: UnsafePointer<Int32>
    var thresholds: UnsafePointer<Float>
    var edgeBoundaries: UnsafePointer<Int32>
    var edgeBins: UnsafePointer<UInt16>?
  }

  private func vote(_ forest: Pointers, _ features: ForestFeatures, _ counts: UncheckedBuffer<Int32>, width: Int) {
    let (stride, shrink, inner) = (options.stride, options.shrinkNumber, options.patchInnerSize)
    let plain = options.plainFeatures
    // The offset of each vote in the image from the first pixel of the patch. Patches are stored column by column, like
    // the arrays of the trainer.
    let places = UncheckedBuffer((0..<inner * inner).map { ($0 % inner) * width + $0 / inner })
    for row in 0..<features.patchRows {
      for column in 0..<features.patchColumns {
        let cell = (row * stride / shrink) * features.stride + column * stride / shrink
        for k in 0..<options.numberOfTreesToEvaluate {
          let tree = ((row + column) % (2 * options.numberOfTreesToEvaluate) + k) % options.numberOfTrees
          let root = tree &* nodesOfTree
          var node = root
          while forest.childs[node] != 0 {
            let id = Int(forest.featureIds[node])
            let value: Float
            if id < plain {
              value = features.regular[cell &+ features.offsets.base[id]]
            } else {
              let pair = features.pairs.base[id &- plain]
              value = features.similarity[cell &+ pair.0] - features.similarity[cell &+ pair.1]
            }
            node = root &+ Int(forest.childs[node]) &- (value < forest.thresholds[node] ? 1 : 0)
          }
          let target = counts.base + (row &* stride &* width &+ column &* stride)
          for i in Int(forest.edgeBoundaries[node])..<Int(forest.edgeBoundaries[node &+ 1]) {
            target[places.base[Int(forest.edgeBins![i])]] &+= 1
          }
        }
      }
    }
  }
}

/// The direction across the ridges of an edge map.
enum RidgeOrientation {
  /// Returns the axis of the most negative curvature of the smoothed map at each pixel, in [0, pi).
  static func angles(of map: Plane, radius: Int) -> [Float] {
    let smooth = map.smoothed(radius: radius, border: .mirroredAtPixel)
    let (width, height) = (map.width, map.height)
    var angles: [Float] = []
    angles.reserveCapacity(width * height)
    func line(_ y: Int) -> UnsafeMutablePointer<Float> { smooth.row(Border.mirrored.index(y, height)) }
    for y in 0..<height {
      let (above, here, below) = (line(y - 1), line(y), line(y + 1))
      for x in 0..<width {
        let (l, r) = (Border.mirrored.index(x - 1, width), Border.mirrored.index(x + 1, width))
        // Second differences, smoothed along the other axis like those of Sobel.
        let xx =
          (above[l] - 2 * above[x] + above[r]) + 2 * (here[l] - 2 * here[x] + here[r])
          + (below[l] - 2 * below[x] + below[r])
        let yy =
          (above[l] + 2 * above[x] + above[r]) - 2 * (here[l] + 2 * here[x] + here[r])
          + (below[l] + 2 * below[x] + below[r])
        let xy = above[l] - above[r] - below[l] + below[r]
        angles.append(DeterministicMath.halfAngle(yy - xx, -2 * xy))
      }
    }
    return angles
  }
}
