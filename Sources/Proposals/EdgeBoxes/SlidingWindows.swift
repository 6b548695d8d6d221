// The windows of a sliding-window search over position, scale and aspect ratio, in steps of one overlap (section 3.4).
// EdgeBoxes starts from them; by themselves they are a baseline.
import Images

package struct SlidingWindows: ProposalSource {
  /// How many windows, at most about a tenth more or less.
  package var count: Int
  package var minArea: Double = 1000
  package var maxAspectRatio: Double = 3

  package init(count: Int = 1000) {
    precondition(count > 0, "\(count) windows")
    self.count = count
  }

  /// `count` windows at the finest overlap that gives no more than that many, so that they cover position, scale and
  /// aspect evenly. Ordered so that every beginning of the list covers them too: by a fixed shuffle, the largest first
  /// for ten. The picture's contents do not matter.
  package func proposals(for image: RGBImage, id: String) -> [ScoredBox] {
    var (low, high) = (0.05, 0.95)
    for _ in 0..<12 {
      let middle = (low + high) / 2
      if windows(image, alpha: middle).count <= count { low = middle } else { high = middle }
    }
    var boxes = windows(image, alpha: low)
    if boxes.isEmpty { boxes = [Box(width: image.width, height: image.height)] }
    boxes = Array(boxes.prefix(count))
    return boxes.enumerated().map { ScoredBox($1, score: 1 - Float($0) / Float(boxes.count)) }
  }

  private func windows(_ image: RGBImage, alpha: Double) -> [Box] {
    var boxes: [Box] = []
    Self.forEach(
      width: image.width, height: image.height, alpha: alpha, minArea: minArea, maxAspectRatio: maxAspectRatio
    ) { boxes.append(Box(x1: $0, y1: $1, x2: $2 - 1, y2: $3 - 1)) }
    return boxes
  }

  /// Calls `body(x0, y0, x1, y1)` for windows of columns x0..<x1 and rows y0..<y1 whose neighbours in each dimension
  /// overlap by `alpha` (IoU). Areas go from `minArea` to the picture's larger side squared; windows that lie over the
  /// border by less than a step are clipped to it.
  package static func forEach(
    width: Int, height: Int, alpha: Double, minArea: Double, maxAspectRatio: Double,
    _ body: (_ x0: Int, _ y0: Int, _ x1: Int, _ y1: Int) -> Void
  ) {
    // A shift by s of the width leaves IoU (1 - s) / (1 + s); sides that both grow by f, 1 / f^2; an aspect that
    // changes by f^2 at the same area, 1 / (2 f - 1).
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
