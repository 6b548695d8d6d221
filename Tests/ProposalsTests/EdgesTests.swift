// Tests of angles, filters, thinning and the gradient detector.
import Foundation
import Images
import Proposals
import Randomness
import Testing

@Suite struct EdgesTests {
  @Test("Angles equal those of libm.")
  func anglesEqualThoseOfTheLibrary() {
    for step in 0..<5000 {
      let angle = Double(step) * 2 * Double.pi / 5000
      var expected = angle / 2
      if expected >= .pi { expected -= .pi }
      let half = DeterministicMath.halfAngle(Float(3 * cos(angle)), Float(3 * sin(angle)))
      let difference = abs(Double(half) - expected)
      #expect(min(difference, .pi - difference) < 2e-6)
      #expect(half >= 0 && half < .pi)
      let unit = DeterministicMath.circle(Float(angle / 2))
      #expect(abs(Double(unit.cosine) - cos(angle / 2)) < 1e-6 && abs(Double(unit.sine) - sin(angle / 2)) < 1e-6)
    }
    #expect(DeterministicMath.halfAngle(0, 0) == 0)
    #expect(
      DeterministicMath.axisDifference(0.1, 3.1) < 0.15 && DeterministicMath.axisDifference(0, .pi / 2) == .pi / 2)
  }

  @Test("Smoothing equals its definition.", arguments: [(1, 1, 3), (5, 2, 8), (17, 33, 1), (40, 16, 4)])
  func smoothingEqualsTheDefinition(width: Int, height: Int, radius: Int) {
    var random = CounterRandom(seed: 1, UInt64(width))
    for border in [Border.mirrored, .mirroredAtPixel] {
      let plane = Plane(width: width, height: height)
      for y in 0..<height { for x in 0..<width { plane.row(y)[x] = Float(random.uniform()) } }
      let smooth = plane.smoothed(radius: radius, border: border)
      for y in 0..<height {
        for x in 0..<width {
          var sum = 0.0
          for v in -radius...radius {
            for u in -radius...radius {
              let weight = Double((radius + 1 - abs(u)) * (radius + 1 - abs(v)))
              sum += weight * Double(plane.row(border.index(y + v, height))[border.index(x + u, width)])
            }
          }
          let all = Double((radius + 1) * (radius + 1))
          #expect(abs(Double(smooth.row(y)[x]) - sum / (all * all)) < 1e-5)
        }
      }
    }
    #expect((-3...5).map { Border.mirrored.index($0, 3) } == [2, 1, 0, 0, 1, 2, 2, 1, 0])
    #expect((-3...5).map { Border.mirroredAtPixel.index($0, 3) } == [1, 2, 1, 0, 1, 2, 1, 0, 1])
  }

  @Test("A vertical step gives one vertical line.")
  func anUprightStepGivesOneUprightLine() {
    var image = RGBImage(width: 64, height: 48, color: Color(40, 40, 40))
    for y in 0..<48 { for x in 32..<64 { image[x, y] = Color(200, 60, 40) } }
    let edges = GradientEdges().edges(of: image)
    for y in 0..<48 {
      let strong = (0..<64).filter { edges.magnitude[y * 64 + $0] > 0.1 }
      #expect(!strong.isEmpty && strong.allSatisfy { $0 == 31 || $0 == 32 })
      let angle = edges.orientation[y * 64 + 31]
      #expect(min(angle, .pi - angle) < 0.01)
    }
  }

  @Test("A uniform image with noise has no full edges.")
  func aPlainImageWithNoiseHasNoFullEdges() {
    var image = RGBImage(width: 80, height: 60, color: Color(128, 128, 128))
    var random = CounterRandom(seed: 2, 2)
    for i in image.pixels.indices { image.pixels[i] = UInt8(126 + random.integer(below: 5)) }
    #expect(GradientEdges().edges(of: image).magnitude.allSatisfy { $0 < 0.5 })
    #expect(GradientEdges().edges(of: RGBImage(width: 80, height: 60)).magnitude.allSatisfy { $0 == 0 })
  }

  @Test("Thinning keeps the ridge.")
  func thinningKeepsTheRidge() {
    var map = DrawnEdges.empty(30, 20)
    for y in 0..<20 {
      for x in 0..<30 {
        map.magnitude[y * 30 + x] = max(0, 1 - abs(Float(x) - 12) / 5)
        map.orientation[y * 30 + x] = 0
      }
    }
    let thin = map.thinned(radius: 2)
    for y in 0..<20 { for x in 0..<30 { #expect((thin.magnitude[y * 30 + x] > 0) == (x == 12)) } }
    #expect(thin.magnitude[10 * 30 + 12] == 1)
    let faded = map.thinned(radius: 2, margin: 4)
    #expect(faded.magnitude[12] == 0 && faded.magnitude[2 * 30 + 12] == 0.5 && faded.magnitude[10 * 30 + 12] == 1)
  }

  @Test("Resizing keeps linear planes and means.")
  func resizingKeepsPlanesAndMeans() {
    var random = CounterRandom(seed: 8)
    let plane = Plane(width: 24, height: 18)
    for y in 0..<18 { for x in 0..<24 { plane.row(y)[x] = Float(random.uniform()) } }
    #expect(plane.resized(width: 24, height: 18).values == plane.values)
    let half = plane.resized(width: 12, height: 9)
    for y in 0..<9 {
      for x in 0..<12 {
        let (upper, lower) = (plane.row(2 * y) + 2 * x, plane.row(2 * y + 1) + 2 * x)
        let mean = (upper[0] + upper[1] + lower[0] + lower[1]) / 4
        #expect(abs(half.row(y)[x] - mean) < 1e-6)
      }
    }
    let odd = plane.resized(width: 7, height: 5)
    let (mean, all) = (odd.values.reduce(0, +) / 35, plane.values.reduce(0, +) / 432)
    #expect(abs(mean - all) < 1e-5)
  }
}
