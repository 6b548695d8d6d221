// The class saliency that the bridging layers need (paper Eq. 3; docs/reference.md section 2, "bp" part).
//
//   pool5-bp = sum over the chosen labels l of  seed_l * d s_l / d pool5,   s_l the maximum of class l's score map
//
// It is a pass from the score map back to pool5 with the classification network's own weights, whose ReLUs let through
// what they let through in the forward pass. It belongs to the forward pass: nothing is learned in it.
import Compute
import Kernels

/// The saliency of label choices, each on one of the network's images.
///
/// Only the positions of the maxima carry a seed: of all rows (image, position) one or a few an image. The pass
/// computes those rows alone; all other rows are zero.
package final class Saliency {
  private let context: ExecutionContext
  private let fc6: FullyConvolutionalLayer
  private let fc7: FullyConvolutionalLayer
  private let score: FullyConvolutionalLayer
  private let classes: Int
  /// Positions of the score map.
  private let pixels: Int
  private let stageName: String
  private let folding: Im2Col
  /// [rows that carry a seed][fc]
  private let fc7Gradient: AlignedMemory
  private let fc6Gradient: AlignedMemory
  /// [rows that carry a seed][C * k * k]
  private let pool5Rows: AlignedMemory

  /// (choices, C, S/32, S/32): the authors' pool5-bp.
  package let output: FeatureMaps

  /// - Parameters:
  ///   - name: the name of the pass, for its stages.
  ///   - images: the number of images of the layers, and of choices at a time.
  ///   - layers: fc6, fc7 and the score layer of a network whose forward pass has run.
  package init(
    _ name: String, images: Int,
    layers: (fc6: FullyConvolutionalLayer, fc7: FullyConvolutionalLayer, score: FullyConvolutionalLayer),
    context: ExecutionContext
  ) {
    self.context = context
    fc6 = layers.fc6
    fc7 = layers.fc7
    score = layers.score
    stageName = name
    classes = score.spec.output.channels
    pixels = score.spec.output.pixels
    guard let shape = fc6.spec.unfolding else { preconditionFailure("the saliency ends at maps, and fc6 reads rows") }
    folding = shape.im2col(images: images)
    fc7Gradient = AlignedMemory(floats: folding.rows * fc7.spec.output.channels)
    fc6Gradient = AlignedMemory(floats: folding.rows * fc6.spec.output.channels)
    pool5Rows = AlignedMemory(floats: folding.rows * folding.columns)
    output = FeatureMaps(images: images, channels: shape.channels, height: shape.height, width: shape.width)
  }

  /// - Parameters:
  ///   - owners: for each choice, its image.
  ///   - seeds: [choices][L], 0 for a label that is not chosen; the authors' value is sigmoid(score) for one that is.
  ///   - positions: [N][L], the row-major position of the maximum of each class's score map.
  package func forward(owners: [Int], seeds: UnsafePointer<Float>, positions: UnsafePointer<Int32>) {
    let units = fc7.spec.output.channels
    let weights = score.product.weightValues
    func carriesSeed(_ choice: Int, _ pixel: Int) -> Bool {
      (0..<classes).contains {
        seeds[choice * classes + $0] != 0 && Int(positions[owners[choice] * classes + $0]) == pixel
      }
    }
    let windows = (0..<owners.count * pixels).filter { carriesSeed($0 / pixels, $0 % pixels) }
    let rows = windows.map { owners[$0 / pixels] * pixels + $0 % pixels }

    // The score layer transposed. Labels that share a position are added in class order.
    context.stage("\(stageName).seed", .other, .forward)
    context.run(windows.count) { row in
      let (choice, pixel) = windows[row].quotientAndRemainder(dividingBy: pixels)
      let gradient = fc7Gradient.pointer + row * units
      gradient.update(repeating: 0, count: units)
      for label in 0..<classes where Int(positions[owners[choice] * classes + label]) == pixel {
        let seed = seeds[choice * classes + label]
        if seed == 0 { continue }
        let row = weights + label * units
        for unit in 0..<units { gradient[unit] += seed * row[unit] }
      }
    }
    if !windows.isEmpty {
      fc7.product.rectifyGradient(fc7Gradient, output: fc7.rows.values, rows: rows)
      fc7.product.multiplyBack(fc7Gradient, into: fc6Gradient, rows: windows.count)
      fc6.product.rectifyGradient(fc6Gradient, output: fc6.rows.values, rows: rows)
      fc6.product.multiplyBack(fc6Gradient, into: pool5Rows, rows: windows.count)
    }
    context.stage("\(stageName).fold", .reordering, .forward)
    context.run(folding.foldTasks) { folding.fold(pool5Rows.pointer, ofWindows: windows, into: output.data, task: $0) }
  }
}
