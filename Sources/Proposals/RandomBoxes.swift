// Random boxes, as a baseline: the distributions of the logarithms of area and aspect ratio are uniform.
import Images
import Randomness

package struct RandomBoxes: ProposalSource {
  package var count: Int
  package var seed: UInt64
  package var minArea: Double = 1000
  package var maxAspectRatio: Double = 3

  package init(count: Int = 1000, seed: UInt64 = 1) {
    precondition(count > 0, "\(count) boxes")
    self.count = count
    self.seed = seed
  }

  /// Draws the logarithms of area (from `minArea` to that of the image) and aspect ratio, and the place inside the
  /// image, uniformly. A box that does not fit is drawn again, and clipped after ten draws. Each box is keyed by seed,
  /// id and its number, so a shorter list is a prefix of a longer one.
  package func proposals(for image: RGBImage, id: String) -> [ScoredBox] {
    let (width, height) = (Double(image.width), Double(image.height))
    let name = CounterRandom.word(of: id)
    let areas = max(0, Self.logarithm2(width * height) - Self.logarithm2(minArea))
    let aspects = Self.logarithm2(maxAspectRatio)
    return (0..<count).map { number in
      var random = CounterRandom(seed: seed, name, UInt64(number))
      var (w, h) = (width, height)
      for _ in 0..<10 {
        let area = min(minArea, width * height) * DeterministicMath.powerOfTwo(random.uniform(0, areas))
        let aspect = DeterministicMath.powerOfTwo(random.uniform(-aspects, aspects))
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
