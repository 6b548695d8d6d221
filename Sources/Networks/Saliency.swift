// The class saliency that the bridging layers need (paper Eq. 3; reference-facts section 2, "bp" part).
//
//   pool5-bp = sum over the chosen labels l of  seed_l * d s_l / d pool5,   s_l the maximum of class l's score map
//
// A pass from the score map back to pool5 with the classification network's own weights, whose ReLUs let through what
// they let through on the way up. It is part of the forward pass: nothing is learned in it.
import Kernels
import Tensors

/// The saliency pass over N images, with one set of labels an image.
package final class Saliency {
  private let network: ClassificationNetwork
  private let bench: Workbench
  private let scoreWeights: Int
  private let parameters: ParameterVector
  private let folding: Unfolding
  /// [M][fc]
  private let fc7Gradient: AlignedMemory
  private let fc6Gradient: AlignedMemory
  /// [M][C * k * k]
  private let pool5Rows: AlignedMemory

  /// (N, C, S/32, S/32)
  package let output: FeatureMaps

  package init(_ network: ClassificationNetwork, parameters: ParameterVector) {
    self.network = network
    self.parameters = parameters
    bench = network.bench
    let shape = network.shape
    scoreWeights = parameters.table.offset(of: "classification.score.weight")
    folding = Unfolding(
      images: network.images, channels: shape.channels(512), height: shape.pool5Size, width: shape.pool5Size,
      kernel: shape.fc6Kernel)
    fc7Gradient = AlignedMemory(floats: folding.rows * shape.channels(4096))
    fc6Gradient = AlignedMemory(floats: folding.rows * shape.channels(4096))
    pool5Rows = AlignedMemory(floats: folding.rows * folding.columns)
    output = FeatureMaps(
      images: network.images, channels: shape.channels(512), height: shape.pool5Size, width: shape.pool5Size)
  }

  /// - Parameters:
  ///   - seeds: [N][L], 0 for a label that is not chosen; the authors' value is sigmoid(score) for one that is.
  ///   - positions: [N][L], where each class's score map has its maximum, row-major.
  package func forward(seeds: UnsafePointer<Float>, positions: UnsafePointer<Int32>) {
    let (classes, fc) = (network.shape.classes, network.shape.channels(4096))
    let pixels = network.shape.scorePixels
    let weights = parameters.pointer + scoreWeights
    // The score layer turned back: only the seeded positions are not zero. Labels are added in class order.
    bench.stage("classification.saliency.seed", .forward)
    bench.run(network.images * pixels) { row in
      let (image, pixel) = row.quotientAndRemainder(dividingBy: pixels)
      let gradient = fc7Gradient.pointer + row * fc
      gradient.update(repeating: 0, count: fc)
      for label in 0..<classes where Int(positions[image * classes + label]) == pixel {
        let seed = seeds[image * classes + label]
        if seed == 0 { continue }
        let row = weights + label * fc
        for unit in 0..<fc { gradient[unit] += seed * row[unit] }
      }
    }
    network.fc7.rectifyGradient(fc7Gradient, output: network.fc7Rows)
    network.fc7.multiplyBack(fc7Gradient, into: fc6Gradient)
    network.fc6.rectifyGradient(fc6Gradient, output: network.fc6Rows)
    network.fc6.multiplyBack(fc6Gradient, into: pool5Rows)
    bench.stage("classification.saliency.fold", .forward)
    bench.run(folding.foldTasks) { folding.fold(pool5Rows.pointer, into: output.data, task: $0) }
  }
}
