// The class saliency that the bridging layers need (paper Eq. 3; docs/reference.md section 2, "bp" part).
//
//   pool5-bp = sum over the chosen labels l of  seed_l * d s_l / d pool5,   s_l the maximum of class l's score map
//
// A pass from the score map back to pool5 with the classification network's own weights, whose ReLUs let through what
// they let through on the way up. It is part of the forward pass: nothing is learned in it.
import Kernels
import Compute

/// The saliency of some choices of labels, each on one of the network's images.
///
/// Only the positions of the maxima carry a seed: of all rows (image, position) one or a few an image. The pass carries
/// those rows alone; what it leaves out is zero.
package final class Saliency {
  private let network: ClassificationNetwork
  private let context: ExecutionContext
  private let scoreWeights: Int
  private let parameters: ParameterVector
  private let folding: Im2Col
  /// [rows that carry a seed][fc]
  private let fc7Gradient: AlignedMemory
  private let fc6Gradient: AlignedMemory
  /// [rows that carry a seed][C * k * k]
  private let pool5Rows: AlignedMemory

  /// (choices, C, S/32, S/32): the authors' pool5-bp.
  package let output: FeatureMaps

  /// As many choices at a time as the network takes images.
  package init(_ network: ClassificationNetwork, parameters: ParameterVector) {
    self.network = network
    self.parameters = parameters
    context = network.context
    let shape = network.shape
    scoreWeights = parameters.table.offset(of: "classification.score.weight")
    folding = Im2Col(
      images: network.images, channels: shape.channels(512), height: shape.pool5Size, width: shape.pool5Size,
      kernel: shape.fc6Kernel)
    fc7Gradient = AlignedMemory(floats: folding.rows * shape.channels(4096))
    fc6Gradient = AlignedMemory(floats: folding.rows * shape.channels(4096))
    pool5Rows = AlignedMemory(floats: folding.rows * folding.columns)
    output = FeatureMaps(
      images: network.images, channels: shape.channels(512), height: shape.pool5Size, width: shape.pool5Size)
  }

  /// - Parameters:
  ///   - owners: for each choice, its image.
  ///   - seeds: [choices][L], 0 for a label that is not chosen; the authors' value is sigmoid(score) for one that is.
  ///   - positions: [N][L], where each class's score map has its maximum, row-major.
  package func forward(owners: [Int], seeds: UnsafePointer<Float>, positions: UnsafePointer<Int32>) {
    let (classes, fc) = (network.shape.classes, network.shape.channels(4096))
    let pixels = network.shape.scorePixels
    let weights = parameters.pointer + scoreWeights
    func carries(_ choice: Int, _ pixel: Int) -> Bool {
      (0..<classes).contains {
        seeds[choice * classes + $0] != 0 && Int(positions[owners[choice] * classes + $0]) == pixel
      }
    }
    let windows = (0..<owners.count * pixels).filter { carries($0 / pixels, $0 % pixels) }
    let rows = windows.map { owners[$0 / pixels] * pixels + $0 % pixels }

    // The score layer turned back. Labels that share a position are added in class order.
    context.stage("classification.saliency.seed", .forward)
    context.run(windows.count) { row in
      let (choice, pixel) = windows[row].quotientAndRemainder(dividingBy: pixels)
      let gradient = fc7Gradient.pointer + row * fc
      gradient.update(repeating: 0, count: fc)
      for label in 0..<classes where Int(positions[owners[choice] * classes + label]) == pixel {
        let seed = seeds[choice * classes + label]
        if seed == 0 { continue }
        let row = weights + label * fc
        for unit in 0..<fc { gradient[unit] += seed * row[unit] }
      }
    }
    if !windows.isEmpty {
      network.fc7.rectifyGradient(fc7Gradient, output: network.fc7Rows, rows: rows)
      network.fc7.multiplyBack(fc7Gradient, into: fc6Gradient, rows: windows.count)
      network.fc6.rectifyGradient(fc6Gradient, output: network.fc6Rows, rows: rows)
      network.fc6.multiplyBack(fc6Gradient, into: pool5Rows, rows: windows.count)
    }
    context.stage("classification.saliency.fold", .forward)
    context.run(folding.foldTasks) { folding.fold(pool5Rows.pointer, ofWindows: windows, into: output.data, task: $0) }
  }
}
