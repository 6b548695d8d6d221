// The largest magnitude of a vector, with values that are not finite in every position.
import Kernels
import Testing

@Suite struct MagnitudeTests {
  @Test("The largest magnitude is found in every position.", arguments: [1, 15, 16, 17, 40])
  func largestIsFound(count: Int) {
    var draws = Draws(81)
    let values = draws.floats(count)
    for index in 0..<count {
      var changed = values
      changed[index] = -7
      #expect(Magnitude.largest(changed, count: count) == 7)
    }
    #expect(Magnitude.largest(values, count: count) == values.map(abs).max())
  }

  @Test("NaN and infinities in any position give infinity.", arguments: [Float.nan, .infinity, -.infinity])
  func nonFiniteValuesAreReported(value: Float) {
    for count in [1, 16, 35] {
      for index in 0..<count {
        var values = [Float](repeating: 1, count: count)
        values[index] = value
        #expect(Magnitude.largest(values, count: count) == .infinity)
      }
    }
  }

  @Test("An empty vector has magnitude zero.") func emptyVectors() { #expect(Magnitude.largest([], count: 0) == 0) }
}
