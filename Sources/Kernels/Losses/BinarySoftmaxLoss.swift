// The segmentation loss: softmax over background and foreground at each pixel, against a mask.
//
//   N images, H rows, W columns; scores are planes (N, 2, H, W), masks (N, H, W): 0, 1, or 255 for unknown

/// The mean of -log(max(p, FLT_MIN)) over the pixels that are not 255, where p is the probability of the pixel's class
/// (the authors' softmax_loss_layer.cpp with normalize). A shard without such pixels has loss 0 and gradient 0.
///
/// The gradient is that of the loss without the clamp, p - 1 for the pixel's class, as in the authors' layer.
package struct BinarySoftmaxLoss: Sendable {
  private let pixels: Int
  private let chunks: PixelChunks

  package init(images: Int, height: Int, width: Int) {
    pixels = height * width
    chunks = PixelChunks(images: images, blocks: 1, pixels: height * width, largest: 4096)
  }

  /// The number of tasks of `forward`, `backward` and `softmaxPlanes`.
  package var tasks: Int { chunks.count }
  package var workspaceFloats: Int { chunks.count * PixelLossSums.floats }

  /// Writes one chunk's sums of losses, counted pixels and correct pixels into the workspace.
  package func forward(
    scores: UnsafePointer<Float>, mask: UnsafePointer<UInt8>, workspace: UnsafeMutablePointer<Float>, task: Int
  ) {
    var sums = PixelLossSums()
    chunks.forEachGroup(task) { image, pixel, count in
      let difference = difference(scores, image: image, pixel: pixel, count: count)
      let label = (mask + image * pixels + pixel).lanes(count: count, padding: 255)
      let term = Lanes.softplus(difference.replacing(with: -difference, where: label .== 1))
      // Ties go to the higher class.
      let predicted = Lanes().replacing(with: 1, where: difference .>= 0)
      sums.add(loss: term, counted: label .< 255, correct: predicted .== label)
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
      let difference = difference(scores, image: image, pixel: pixel, count: count)
      let label = (mask + image * pixels + pixel).lanes(count: count, padding: 255)
      let isForeground = label .== 1
      // The probability of the wrong class: it has the gradient's sign for that class, and does not cancel when small.
      let wrong = Lanes.sigmoid(difference.replacing(with: -difference, where: isForeground))
      let magnitude = Lanes().replacing(with: wrong * share, where: label .< 255)
      let foreground = magnitude.replacing(with: -magnitude, where: isForeground)
      let target = scoreGradient + image * 2 * pixels + pixel
      target.setLanes(-foreground, count: count)
      (target + pixels).setLanes(foreground, count: count)
    }
  }

  /// Writes both probabilities as planes (N, 2, H, W), which may replace the scores.
  package func softmaxPlanes(_ scores: UnsafePointer<Float>, into probabilities: UnsafeMutablePointer<Float>, task: Int)
  {
    chunks.forEachGroup(task) { image, pixel, count in
      let difference = difference(scores, image: image, pixel: pixel, count: count)
      let target = probabilities + image * 2 * pixels + pixel
      target.setLanes(Lanes.sigmoid(-difference), count: count)
      (target + pixels).setLanes(Lanes.sigmoid(difference), count: count)
    }
  }

  /// The foreground's score less the background's, of up to 16 pixels.
  @inline(__always) private func difference(
    _ scores: UnsafePointer<Float>, image: Int, pixel: Int, count: Int
  ) -> Lanes {
    let scores = scores + image * 2 * pixels + pixel
    return (scores + pixels).lanes(count: count) - scores.lanes(count: count)
  }
}
