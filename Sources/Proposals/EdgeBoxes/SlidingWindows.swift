// The windows of a sliding-window search over position, scale and aspect ratio with a fixed overlap (section 3.4).
// EdgeBoxes starts from them; as proposals they are a baseline.
import Images

package struct SlidingWindows: ProposalSource {
  /// The largest number of windows.
  package var count: Int
  /// The area of the smallest window as a share of the image. The defaults found most objects of VOC's training images.
  package var minShare: Double
  package var maxAspectRatio: Double = 3

  package init(count: Int = 1000, minShare: Double? = nil) {
    precondition(count > 0, "\(count) windows")
    self.count = count
    self.minShare = minShare ?? (count < 50 ? 0.25 : count < 500 ? 0.08 : 0.03)
  }

  /// Returns the windows of the finest search with at most `count` of them, largest first, followed by evenly chosen
  /// ones of the next finer search, up to `count` and each once. They cover position, scale and aspect ratio evenly.
  package func proposals(for image: RGBImage, id: String) -> [ScoredBox] {
    var (low, high) = (0.05, 0.95)
    var boxes = [Box(width: image.width, height: image.height)]
    for _ in 0..<10 {
      let middle = (low + high) / 2
      let windows = windows(image, alpha: middle, atMost: count + 1)
      if windows.count > count {
        high = middle
      } else {
        low = middle
        if windows.count > boxes.count { boxes = windows }
      }
    }
    let finer = windows(image, alpha: high, atMost: 8 * count).filter { !boxes.contains($0) }
    let free = min(count - boxes.count, finer.count)
    boxes += (0..<free).map { finer[$0 * finer.count / free] }
    return boxes.enumerated().map { ScoredBox($1, score: 1 - Float($0) / Float(boxes.count)) }
  }

  private func windows(_ image: RGBImage, alpha: Double, atMost limit: Int) -> [Box] {
    var boxes: [Box] = []
    var seen: Set<[Int]> = []
    Self.forEach(
      width: image.width, height: image.height, alpha: alpha,
      minArea: max(4, minShare * Double(image.width * image.height)), maxAspectRatio: maxAspectRatio
    ) {
      // Clipping can make neighbours equal.
      if boxes.count < limit && seen.insert([$0, $1, $2, $3]).inserted {
        boxes.append(Box(x1: $0, y1: $1, x2: $2 - 1, y2: $3 - 1))
      }
    }
    return boxes.reversed()
  }

  /// Calls `body(x0, y0, x1, y1)` for windows of columns x0..<x1 and rows y0..<y1 whose neighbours in each dimension
  /// overlap by `alpha` (IoU). Areas range from `minArea` to the square of the larger side of the image. Windows that
  /// exceed the border by less than a step are clipped to it.
  package static func forEach(
    width: Int, height: Int, alpha: Double, minArea: Double, maxAspectRatio: Double,
    _ body: (_ x0: Int, _ y0: Int, _ x1: Int, _ y1: Int) -> Void
  ) {
    // The IoU is (1 - s) / (1 + s) after a shift by s of the width, 1 / f^2 when both sides grow by f, and
    // 1 / (2 f - 1) when the aspect ratio changes by f^2 at the same area.
    let shift = (1 - alpha) / (1 + alpha)
    let growth = (1 / alpha).squareRoot()
    let stretch = (1 + alpha) / (2 * alpha)
    var stretches = [1.0]
    var factor = stretch
    while factor * factor <= maxAspectRatio {
      stretches = [1 / factor] + stretches + [factor]
      factor *= stretch
    }
    var side = minArea.squareRoot()
    while side < Double(max(width, height)) * growth {
      for stretch in stretches {
        let (w, h) = (Int((side * stretch).rounded()), Int((side / stretch).rounded()))
        let (stepX, stepY) = (max(2, Int(Double(w) * shift)), max(2, Int(Double(h) * shift)))
        for y in Swift.stride(from: 0, to: height - h + stepY, by: stepY) {
          for x in Swift.stride(from: 0, to: width - w + stepX, by: stepX) {
            body(x, y, min(x + w, width), min(y + h, height))
          }
        }
      }
      side *= growth
    }
  }
}
