// Boxes drawn at random, as a baseline: small ones are as likely as large ones, upright as lying.
import Images
import Randomness

package struct RandomBoxes: ProposalSource {
  package var count: Int
  package var seed: UInt64
  package var minArea: Double = 1000
  package var maxAspectRatio: Double = 3

  package init(count: Int = 1000, seed: UInt64 = 1) {
    precondition(count > 0, "\(count) boxes")
    (self.count, self.seed) = (count, seed)
  }

  /// The logarithms of area (`minArea` to the picture's) and of aspect ratio are uniform, and so is the place inside the
  /// picture; what does not fit into it is drawn again, and cut after ten draws. Keyed by seed, id and the box's number, so fewer
  /// boxes are a beginning of more.
  package func proposals(for image: RGBImage, id: String) -> [ScoredBox] {
    let (width, height) = (Double(image.width), Double(image.height))
    let name = CounterRandom.word(of: id)
    let areas = max(0, Self.logarithm2(width * height) - Self.logarithm2(minArea))
    let aspects = Self.logarithm2(maxAspectRatio)
    return (0..<count).map { number in
      var random = CounterRandom(seed: seed, name, UInt64(number))
      var (w, h) = (width, height)
      for _ in 0..<10 {
        let area = min(minArea, width * height) * Powers.two(to: random.uniform(0, areas))
        let aspect = Powers.two(to: random.uniform(-aspects, aspects))
        (w, h) = ((area * aspect).squareRoot(), (area / aspect).squareRoot())
        if w <= width && h <= height { break }
      }
      let (columns, rows) = (max(1, min(Int(w), image.width)), max(1, min(Int(h), image.height)))
      let x = random.integer(below: image.width - columns + 1)
      let y = random.integer(below: image.height - rows + 1)
      return ScoredBox(
        Box(x1: x, y1: y, x2: x + columns - 1, y2: y + rows - 1), score: 1 - Float(number) / Float(count))
    }
  }

  private static func logarithm2(_ x: Double) -> Double { CounterRandom.logarithm(x) / CounterRandom.logarithm(2) }
}
