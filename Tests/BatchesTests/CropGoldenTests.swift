// Tests of crops that extend beyond the image against OpenCV's copyMakeBorder and resize (Golden/make.py).
import Batches
import Foundation
import Images
import Proposals
import Testing

@Suite struct CropGoldenTests {
  struct OpenCV: Decodable {
    struct Case: Decodable {
      var width, height, inputSize: Int
      var box: [Int]
      var seed: UInt64
      var imageHash, maskHash: String
    }
    var cases: [Case]
  }

  @Test("Crops equal OpenCV's.")
  func cropsEqualOpenCVs() throws {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
      "Golden/opencv-crops.json")
    let cases = try JSONDecoder().decode(OpenCV.self, from: Data(contentsOf: file)).cases
    #expect(cases.count >= 13)
    for golden in cases {
      let bytes = noise(3 * golden.width * golden.height, seed: golden.seed)
      let image = RGBImage(width: golden.width, height: golden.height, pixels: bytes)
      let mask = IndexImage(
        width: golden.width, height: golden.height, indices: (0..<golden.width * golden.height).map { bytes[3 * $0] })
      let box = Box(x1: golden.box[0], y1: golden.box[1], x2: golden.box[2], y2: golden.box[3])
      let (crop, indices) = resized(image, mask, box, by: Augmentation(inputSize: golden.inputSize))
      #expect(fnv(crop) == golden.imageHash, "\(golden)")
      #expect(fnv(indices) == golden.maskHash, "\(golden)")
    }
  }

  /// Returns the whole resized crop, assembled from the four corners of the random crop.
  func resized(
    _ image: RGBImage, _ mask: IndexImage, _ box: Box, by augmentation: Augmentation
  ) -> ([UInt8], [UInt8]) {
    let (side, size) = (augmentation.resizedSize, augmentation.inputSize)
    var crop = [UInt8](repeating: 0, count: 3 * side * side)
    var indices = [UInt8](repeating: 0, count: side * side)
    let mean: [Float] = [104.008, 116.669, 122.675]
    for left in [0, side - size] {
      for top in [0, side - size] {
        let choice = Augmentation.Choice(x: left, y: top, mirrored: false)
        var planes = [Float](repeating: 0, count: 3 * size * size)
        var part = [UInt8](repeating: 0, count: size * size)
        augmentation.planes(of: image, box: box, choice: choice, into: &planes)
        augmentation.mask(of: mask, box: box, choice: choice, table: Array(0...255), into: &part)
        for y in 0..<size {
          for x in 0..<size {
            let place = (top + y) * side + left + x
            indices[place] = part[y * size + x]
            for plane in 0..<3 {
              crop[3 * place + 2 - plane] = UInt8((planes[(plane * size + y) * size + x] + mean[plane]).rounded())
            }
          }
        }
      }
    }
    return (crop, indices)
  }

  func noise(_ count: Int, seed: UInt64) -> [UInt8] {
    var state = seed
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return UInt8(state >> 56)
    }
  }

  func fnv(_ bytes: [UInt8]) -> String {
    String(bytes.reduce(UInt64(0xcbf2_9ce4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 })
  }
}
