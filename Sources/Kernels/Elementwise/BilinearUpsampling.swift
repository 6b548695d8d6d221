// Bilinear upsampling of planes by a whole factor, and its adjoint.
//
//   N images, C channels, H rows, W columns; planes are (N, C, H, W), the large ones (N, C, H factor, W factor)

/// Bilinear interpolation with half-pixel centers, clamped at the border, as in PyTorch's
/// `interpolate(mode: "bilinear", align_corners: False)`.
///
/// Output index i lies at (i + 0.5) / factor - 0.5 on the input's axis. From output `factor / 2` on, each run of
/// `factor` outputs therefore lies between input k and its successor, with the same fractions in every run. The outputs
/// before the first run and in the last one repeat the first and last input. `forward` and `backward` use the same
/// rounded fractions.
package struct BilinearUpsampling: Sendable {
  private let height: Int
  private let width: Int
  private let factor: Int
  /// The weight of the successor at each place in a run; the input that begins the run has the complement.
  private let fractions: [Float]
  /// The number of tasks: one per plane.
  package let tasks: Int

  /// Creates the plan for small planes of a shape.
  package init(images: Int, channels: Int, height: Int, width: Int, factor: Int) {
    precondition(factor > 0, "factor \(factor) does not enlarge: use 1 or more")
    self.height = height
    self.width = width
    self.factor = factor
    fractions = (0..<factor).map { Float((Double(factor / 2 + $0) + 0.5) / Double(factor) - 0.5) }
    tasks = images * channels
  }

  /// Writes one large plane.
  package func forward(_ input: UnsafePointer<Float>, into output: UnsafeMutablePointer<Float>, task: Int) {
    let input = input + task * height * width
    let output = output + task * height * width * factor * factor
    for row in 0..<height * factor {
      let (upper, lower, fraction) = neighbours(of: row)
      let above = input + upper * width
      let below = input + lower * width
      @inline(__always) func column(_ x: Int) -> Float {
        (above[x] * (1 - fraction)).addingProduct(below[x], fraction)
      }
      let target = output + row * width * factor
      var left = column(0)
      for x in 0..<factor / 2 { target[x] = left }
      var run = target + factor / 2
      for x in 1..<max(width, 1) {
        let right = column(x)
        for i in 0..<factor { run[i] = (left * (1 - fractions[i])).addingProduct(right, fractions[i]) }
        left = right
        run += factor
      }
      for i in 0..<factor - factor / 2 { run[i] = left }
    }
  }

  /// Writes the gradient of one small plane. Each value sums its outputs along each row, then over the rows, in order.
  package func backward(
    _ outputGradient: UnsafePointer<Float>, into inputGradient: UnsafeMutablePointer<Float>, task: Int
  ) {
    let outputGradient = outputGradient + task * height * width * factor * factor
    let inputGradient = inputGradient + task * height * width
    inputGradient.update(repeating: 0, count: height * width)
    for row in 0..<height * factor {
      let (upper, lower, fraction) = neighbours(of: row)
      let above = inputGradient + upper * width
      let below = inputGradient + lower * width
      let source = outputGradient + row * width * factor
      var run = source + factor / 2
      // The sum for the input that ends a run begins while the sum for the input that begins the run is finished.
      var sum: Float = 0
      for i in 0..<factor / 2 { sum += source[i] }
      for x in 0..<width {
        var next: Float = 0
        if x < width - 1 {
          for i in 0..<factor {
            sum.addProduct(run[i], 1 - fractions[i])
            next.addProduct(run[i], fractions[i])
          }
        } else {
          for i in 0..<factor - factor / 2 { sum += run[i] }
        }
        above[x].addProduct(sum, 1 - fraction)
        if lower > upper { below[x].addProduct(sum, fraction) }
        sum = next
        run += factor
      }
    }
  }

  /// Returns the input rows above and below an output row, and the weight of the lower one: 0 where they are the same.
  private func neighbours(of row: Int) -> (upper: Int, lower: Int, fraction: Float) {
    guard row >= factor / 2 else { return (0, 0, 0) }
    let (upper, place) = (row - factor / 2).quotientAndRemainder(dividingBy: factor)
    return upper < height - 1 ? (upper, upper + 1, fractions[place]) : (upper, upper, 0)
  }
}
