// The softmax cross-entropy over any number of classes at each pixel, against a mask of class indices.
//
//   N images, C classes, H rows, W columns; scores are planes (N, C, H, W), masks (N, H, W): class, or 255 if unknown

/// The mean of -log(max(p, FLT_MIN)) over the pixels that are not 255, where p is the probability of the pixel's class.
/// A shard without such pixels has loss 0 and gradient 0. The gradient is that of the loss without the clamp.
///
/// A mask value that is neither a class nor 255 makes the loss NaN.
package struct SoftmaxLoss: Sendable {
  private let classes: Int
  private let pixels: Int
  private let chunks: PixelChunks

  package init(images: Int, classes: Int, height: Int, width: Int) {
    precondition((2...255).contains(classes), "\(classes) classes do not fit a mask of bytes: use 2 to 255")
    self.classes = classes
    pixels = height * width
    chunks = PixelChunks(images: images, blocks: 1, pixels: height * width, largest: 4096)
  }

  /// The number of tasks of `forward` and `backward`.
  package var tasks: Int { chunks.count }
  package var workspaceFloats: Int { chunks.count * PixelLossSums.floats }

  /// Writes one chunk's sums of losses, counted pixels and correct pixels into the workspace.
  ///
  /// With the greatest score m and the sum r of exp(x - m) over all classes but the first with that score, the loss is
  /// log(1 + r) + (m - own score). Neither part is negative, so a small loss keeps its relative accuracy.
  package func forward(
    scores: UnsafePointer<Float>, mask: UnsafePointer<UInt8>, workspace: UnsafeMutablePointer<Float>, task: Int
  ) {
    var sums = PixelLossSums()
    chunks.forEachGroup(task) { image, pixel, count in
      let scores = scores + image * classes * pixels + pixel
      let label = (mask + image * pixels + pixel).lanes(count: count, padding: 255)
      var greatest = scores.lanes(count: count)
      // Ties go to the lower class.
      var predicted = Lanes()
      for index in 1..<classes {
        let score = (scores + index * pixels).lanes(count: count)
        let wins = score .> greatest
        greatest.replace(with: score, where: wins)
        predicted.replace(with: Float(index), where: wins)
      }
      var rest = Lanes()
      var own = Lanes(repeating: .nan)
      for index in 0..<classes {
        let below = (scores + index * pixels).lanes(count: count) - greatest
        rest += Lanes.exponential(ofNonPositive: below).replacing(with: 0, where: predicted .== Float(index))
        own.replace(with: below, where: label .== Float(index))
      }
      let loss = Lanes.logarithm(ofOnePlusNonNegative: rest) - own
      sums.add(loss: loss, counted: label .< 255, correct: predicted .== label)
    }
    sums.store(in: workspace, task: task)
  }

  /// Returns the loss of the shard, the number of counted pixels, and the number of correct pixels among them.
  package func combine(workspace: UnsafePointer<Float>) -> (loss: Float, pixels: Int, correct: Int) {
    PixelLossSums.combine(workspace, tasks: tasks)
  }

  /// Writes the gradient with respect to the scores for the whole planes: (p - [class is the mask's]) / pixels, and 0
  /// where the mask is 255.
  package func backward(
    scores: UnsafePointer<Float>, mask: UnsafePointer<UInt8>, pixels counted: Int,
    into scoreGradient: UnsafeMutablePointer<Float>, task: Int
  ) {
    let share = counted > 0 ? Float(1 / Double(counted)) : 0
    chunks.forEachGroup(task) { image, pixel, count in
      let scores = scores + image * classes * pixels + pixel
      let scoreGradient = scoreGradient + image * classes * pixels + pixel
      let label = (mask + image * pixels + pixel).lanes(count: count, padding: 255)
      var greatest = scores.lanes(count: count)
      for index in 1..<classes {
        let score = (scores + index * pixels).lanes(count: count)
        greatest.replace(with: score, where: score .> greatest)
      }
      // The own class gets minus the sum of the others' probabilities, which does not cancel when small.
      var own = Lanes()
      var others = Lanes()
      for index in 0..<classes {
        let isOwn = label .== Float(index)
        let score = (scores + index * pixels).lanes(count: count)
        let exponential = Lanes.exponential(ofNonPositive: score - greatest)
        own.replace(with: exponential, where: isOwn)
        others += exponential.replacing(with: 0, where: isOwn)
        (scoreGradient + index * pixels).setLanes(exponential, count: count)
      }
      let scale = Lanes().replacing(with: share / (own + others), where: label .< 255)
      for index in 0..<classes {
        let exponential = UnsafePointer(scoreGradient + index * pixels).lanes(count: count)
        let numerator = exponential.replacing(with: -others, where: label .== Float(index))
        (scoreGradient + index * pixels).setLanes(
          Lanes().replacing(with: numerator * scale, where: label .< 255), count: count)
      }
    }
  }
}
