// Smoothing by a triangle filter (1 2 3 2 1 for radius 2), along rows and then along columns.

extension Plane {
  /// Returns the weights of a triangle of `radius`, which sum to 1.
  static func triangle(_ radius: Int) -> [Float] {
    let sum = Float((radius + 1) * (radius + 1))
    return (-radius...radius).map { Float(radius + 1 - abs($0)) / sum }
  }

  /// Returns the plane filtered by a triangle of `radius`, or the plane itself for radius 0.
  package func smoothed(radius: Int, border: Border) -> Plane {
    guard radius > 0 else { return self }
    let weights = UncheckedBuffer(Self.triangle(radius))
    let (middle, output) = (Plane(width: width, height: height), Plane(width: width, height: height))
    let padded = PaddedRow(width: width, reach: radius, border: border)
    let taps = 2 * radius + 1
    for y in 0..<height {
      let (source, target) = (padded.fill(row(y)), middle.row(y))
      for x in Swift.stride(from: 0, to: stride, by: Self.lanes) {
        var sum = SIMD16<Float>(repeating: 0)
        for t in 0..<taps { sum += weights.base[t] * load16(source + (x &+ t)) }
        store16(sum, target + x)
      }
    }
    let rows = UncheckedBuffer(
      (0..<height + 2 * radius).map { UnsafePointer(middle.row(border.index($0 - radius, height))) })
    for y in 0..<height {
      let target = output.row(y)
      for x in Swift.stride(from: 0, to: stride, by: Self.lanes) {
        var sum = SIMD16<Float>(repeating: 0)
        for t in 0..<taps { sum += weights.base[t] * load16(rows.base[y &+ t] + x) }
        store16(sum, target + x)
      }
    }
    return output
  }
}
