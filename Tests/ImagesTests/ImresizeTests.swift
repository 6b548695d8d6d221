// Tests of the resizing that follows MATLAB's imresize.
import Foundation
import Images
import Testing

@Suite struct ImresizeTests {
  struct Plane: Decodable {
    var seed: UInt64
    var width, height, newWidth, newHeight: Int
    var kernel: String
    var values: [Double]
  }

  /// Far enough inside, no kernel meets a border, and Pillow and MATLAB compute the same.
  @Test("Away from the borders the result equals Pillow's.")
  func insideEqualsPillows() throws {
    for golden in try Golden.json("pillow-planes.json", as: [Plane].self) {
      let plane = Golden.noise(golden.width * golden.height, seed: golden.seed).map { Double($0) }
      let kernel: Imresize.Kernel = golden.kernel == "bilinear" ? .bilinear : .bicubic
      let result = Imresize.resize(
        plane, width: golden.width, height: golden.height, toWidth: golden.newWidth, toHeight: golden.newHeight,
        kernel: kernel)
      let margin = { (from: Int, to: Int) in Int((3 * Double(to) / Double(min(from, to))).rounded(.up)) }
      let (mx, my) = (margin(golden.width, golden.newWidth), margin(golden.height, golden.newHeight))
      var compared = 0
      for y in my..<golden.newHeight - my {
        for x in mx..<golden.newWidth - mx {
          let i = y * golden.newWidth + x
          #expect(abs(result[i] - golden.values[i]) < 2e-3)
          compared += 1
        }
      }
      #expect(compared > 10)
    }
  }

  /// The definition, for one output at a time over the infinitely mirrored plane.
  static func naive(
    _ plane: [Double], width: Int, height: Int, toWidth: Int, toHeight: Int, _ kernel: Imresize.Kernel
  ) -> [Double] {
    func mirrored(_ i: Int, _ size: Int) -> Int {
      var i = i
      while i < 0 || i >= size { i = i < 0 ? -1 - i : 2 * size - 1 - i }
      return i
    }
    func weights(_ i: Int, _ from: Int, _ to: Int) -> [(Int, Double)] {
      let scale = Double(to) / Double(from)
      let stretch = max(1, 1 / scale)
      let centre = (Double(i) + 0.5) / scale - 0.5
      let reach = Int(3 * stretch) + 2
      let all = (Int(centre) - reach...Int(centre) + reach).map { ($0, kernel((centre - Double($0)) / stretch)) }
      let sum = all.reduce(0) { $0 + $1.1 }
      return all.map { (mirrored($0.0, from), $0.1 / sum) }
    }
    return (0..<toWidth * toHeight).map { o in
      var sum = 0.0
      for (y, wy) in weights(o / toWidth, height, toHeight) {
        for (x, wx) in weights(o % toWidth, width, toWidth) { sum += wy * wx * plane[y * width + x] }
      }
      return sum
    }
  }

  @Test(
    "The result agrees with the definition.",
    arguments: [(7, 5, 13, 4), (3, 9, 2, 20), (1, 4, 3, 3), (16, 16, 5, 5), (9, 6, 9, 11)])
  func agreesWithTheDefinition(width: Int, height: Int, toWidth: Int, toHeight: Int) {
    let plane = Golden.noise(width * height, seed: 5).map { Double($0) }
    for kernel in [Imresize.Kernel.bilinear, .bicubic] {
      let expected = Self.naive(plane, width: width, height: height, toWidth: toWidth, toHeight: toHeight, kernel)
      let result = Imresize.resize(
        plane, width: width, height: height, toWidth: toWidth, toHeight: toHeight, kernel: kernel)
      let single = Imresize.resize(
        plane.map { Float($0) }, width: width, height: height, toWidth: toWidth, toHeight: toHeight, kernel: kernel)
      for i in expected.indices {
        #expect(abs(result[i] - expected[i]) < 1e-9)
        #expect(abs(Double(single[i]) - expected[i]) < 1e-3)
      }
    }
  }

  /// [0 4 8] to 6 values with mirrored borders, bilinear.
  @Test("A row equals values computed by hand.")
  func aRowByHand() {
    let row = Imresize.resize(
      [0, 4, 8] as [Float], width: 3, height: 1, toWidth: 6, toHeight: 1, kernel: .bilinear)
    #expect(row == [0, 1, 3, 5, 7, 8])
    let column = Imresize.resize(
      [0, 4, 8] as [Float], width: 1, height: 3, toWidth: 1, toHeight: 6, kernel: .bilinear)
    #expect(column == row)
    // Shrinking by 2: the triangle of half-width 2 gives weights 1/8 3/8 3/8 1/8, the border mirrored.
    let shrunk = Imresize.resize(
      [8, 0, 0, 16] as [Float], width: 4, height: 1, toWidth: 2, toHeight: 1, kernel: .bilinear)
    #expect(shrunk == [4, 8])
  }
}
