// Tests of the resizing that follows OpenCV.
import Foundation
import Images
import Testing

@Suite struct ResamplingTests {
  struct OpenCV: Decodable {
    struct Case: Decodable {
      var seed: UInt64
      var width, height, newWidth, newHeight: Int
      var linearHash, nearestHash: String
      var linear, nearest: [UInt8]?
    }
    var cases: [Case]
  }

  @Test("Resizing equals OpenCV's to the bit.")
  func resizingEqualsOpenCVs() throws {
    for golden in try Golden.json("opencv-resize.json", as: OpenCV.self).cases {
      let image = Golden.noiseImage(golden.width, golden.height, seed: golden.seed)
      let name = "\(golden.width) x \(golden.height) to \(golden.newWidth) x \(golden.newHeight)"
      let linear = image.resizedBilinear(width: golden.newWidth, height: golden.newHeight)
      if let expected = golden.linear { expectSame(linear.pixels, expected, name) }
      #expect(Golden.fnv(linear.pixels) == golden.linearHash, "\(name)")
      let mask = IndexImage(
        width: golden.width, height: golden.height,
        indices: (0..<golden.width * golden.height).map { image.pixels[3 * $0] })
      let nearest = mask.resizedNearest(width: golden.newWidth, height: golden.newHeight)
      if let expected = golden.nearest { expectSame(nearest.indices, expected, name) }
      #expect(Golden.fnv(nearest.indices) == golden.nearestHash, "\(name)")
    }
  }

  @Test("Resizing to the same size changes nothing.")
  func theSameSizeChangesNothing() {
    let image = Golden.noiseImage(31, 17)
    expectSame(image.resizedBilinear(width: 31, height: 17).pixels, image.pixels, "31 x 17")
    let mask = IndexImage(width: 31, height: 17, indices: Golden.noise(31 * 17, seed: 2))
    expectSame(mask.resizedNearest(width: 31, height: 17).indices, mask.indices, "31 x 17")
  }

  /// Reports the first differing byte instead of printing all of them.
  func expectSame(_ a: [UInt8], _ b: [UInt8], _ name: String) {
    let place = zip(a, b).enumerated().first { $1.0 != $1.1 }?.offset
    #expect(a.count == b.count && place == nil, "\(name): first difference at \(place ?? -1)")
  }
}
