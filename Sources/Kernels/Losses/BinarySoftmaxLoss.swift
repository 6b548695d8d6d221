// The segmentation loss: softmax over background and foreground at each pixel, against a mask.
//
//   N images, H rows, W columns; scores are planes (N, 2, H, W), masks (N, H, W): 0, 1, or 255 where nothing is known

/// Mean of -log(max(p, FLT_MIN)) over the pixels that are not 255, p being the probability of the pixel's class
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

  /// Tasks of `forward`, `backward` and `softmaxPlanes`.
  package var tasks: Int { chunks.count }
  package var workspaceFloats: Int { chunks.count * 48 }

  /// -log(FLT_MIN).
  private static let largestLoss: Float = 87.336_545

  /// First half of the loss: one chunk's sums of losses, counted pixels, and pixels put right.
  package func forward(
    scores: UnsafePointer<Float>, mask: UnsafePointer<UInt8>, workspace: UnsafeMutablePointer<Float>, task: Int
  ) {
    var loss = Lanes()
    var counted = Lanes()
    var correct = Lanes()
    forEachGroup(task) { first, second, pixel, count in
      let difference = load(scores + second, count) - load(scores + first, count)
      let label = labels(mask + pixel, count)
      let known = label .< 255
      let isForeground = label .== 1
      let term = Lanes.softplus(difference.replacing(with: -difference, where: isForeground))
      loss += Lanes().replacing(
        with: term.replacing(with: Self.largestLoss, where: term .> Self.largestLoss), where: known)
      counted += Lanes().replacing(with: 1, where: known)
      // Ties go to the higher class.
      let predicted = Lanes().replacing(with: 1, where: difference .>= 0)
      correct += Lanes().replacing(with: 1, where: predicted .== label)
    }
    let part = workspace + task * 48
    part.setLanes(loss, at: 0)
    part.setLanes(counted, at: 16)
    part.setLanes(correct, at: 32)
  }

  /// Second half: loss of the shard, how many pixels it is the mean of, and for how many the greater score (the higher
  /// class on ties) is the mask's. Chunks are added in their order in double precision.
  package func combine(workspace: UnsafePointer<Float>) -> (loss: Float, pixels: Int, correct: Int) {
    var sums = (0.0, 0.0, 0.0)
    for task in 0..<tasks {
      for lane in 0..<16 {
        sums.0 += Double(workspace[task * 48 + lane])
        sums.1 += Double(workspace[task * 48 + 16 + lane])
        sums.2 += Double(workspace[task * 48 + 32 + lane])
      }
    }
    return (sums.1 > 0 ? Float(sums.0 / sums.1) : 0, Int(sums.1), Int(sums.2))
  }

  /// The gradient by the scores, for the whole planes: (p - [class is the mask's]) / pixels, 0 where the mask is 255.
  package func backward(
    scores: UnsafePointer<Float>, mask: UnsafePointer<UInt8>, pixels: Int,
    into scoreGradient: UnsafeMutablePointer<Float>, task: Int
  ) {
    let share = pixels > 0 ? Float(1 / Double(pixels)) : 0
    forEachGroup(task) { first, second, pixel, count in
      let difference = load(scores + second, count) - load(scores + first, count)
      let label = labels(mask + pixel, count)
      let isForeground = label .== 1
      // The probability of the wrong class: it has the gradient's sign for that class, and does not cancel when small.
      let wrong = Lanes.sigmoid(difference.replacing(with: -difference, where: isForeground))
      let magnitude = Lanes().replacing(with: wrong * share, where: label .< 255)
      let foreground = magnitude.replacing(with: -magnitude, where: isForeground)
      store(foreground, scoreGradient + second, count)
      store(-foreground, scoreGradient + first, count)
    }
  }

  /// Both probabilities, planes (N, 2, H, W); they may replace the scores.
  package func softmaxPlanes(_ scores: UnsafePointer<Float>, into probabilities: UnsafeMutablePointer<Float>, task: Int)
  {
    forEachGroup(task) { first, second, _, count in
      let difference = load(scores + second, count) - load(scores + first, count)
      store(Lanes.sigmoid(-difference), probabilities + first, count)
      store(Lanes.sigmoid(difference), probabilities + second, count)
    }
  }

  // MARK: Sixteen pixels of a chunk

  /// Calls `body` with the indices of both scores and of the mask, and how many of the 16 pixels there are.
  @inline(__always) private func forEachGroup(
    _ task: Int, _ body: (_ first: Int, _ second: Int, _ pixel: Int, _ count: Int) -> Void
  ) {
    let image = task / chunks.chunksPerPlane
    let range = chunks.range(task % chunks.chunksPerPlane)
    var pixel = range.lowerBound
    while pixel < range.upperBound {
      body(
        image * 2 * pixels + pixel, (image * 2 + 1) * pixels + pixel, image * pixels + pixel,
        min(16, range.upperBound - pixel))
      pixel += 16
    }
  }

  @inline(__always) private func load(_ values: UnsafePointer<Float>, _ count: Int) -> Lanes {
    if count == 16 { return values.lanes(at: 0) }
    var result = Lanes()
    for lane in 0..<count { result[lane] = values[lane] }
    return result
  }

  @inline(__always) private func store(_ value: Lanes, _ target: UnsafeMutablePointer<Float>, _ count: Int) {
    if count == 16 { return target.setLanes(value, at: 0) }
    for lane in 0..<count { target[lane] = value[lane] }
  }

  /// Mask values; past the end they are 255.
  @inline(__always) private func labels(_ mask: UnsafePointer<UInt8>, _ count: Int) -> Lanes {
    if count == 16 { return mask.lanes(at: 0) }
    var result = Lanes(repeating: 255)
    for lane in 0..<count { result[lane] = Float(mask[lane]) }
    return result
  }
}
