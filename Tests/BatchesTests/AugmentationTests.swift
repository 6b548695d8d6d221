// Tests of the augmentation against a twin that works pixel by pixel in the order of the authors' layer.
import Batches
import Images
import Proposals
import Randomness
import Testing

@Suite struct AugmentationTests {
  static func photograph(_ width: Int, _ height: Int) -> RGBImage {
    var random = CounterRandom(seed: 2, UInt64(width), UInt64(height))
    return RGBImage(
      width: width, height: height,
      pixels: (0..<3 * width * height).map { _ in UInt8(1 + random.integer(below: 255)) })
  }

  static func mask(_ width: Int, _ height: Int) -> IndexImage {
    var random = CounterRandom(seed: 3, UInt64(width), UInt64(height))
    return IndexImage(
      width: width, height: height,
      indices: (0..<width * height).map { _ in [0, 1, 2, 20, 255][random.integer(below: 5)] })
  }

  /// The image in the box, black outside the image, before the mean is subtracted.
  static func padded(_ image: RGBImage, _ box: Box) -> RGBImage {
    var result = RGBImage(width: box.width, height: box.height)
    for y in 0..<box.height {
      for x in 0..<box.width {
        let (column, row) = (x + box.x1, y + box.y1)
        if (0..<image.width).contains(column), (0..<image.height).contains(row) { result[x, y] = image[column, row] }
      }
    }
    return result
  }

  static func padded(_ mask: IndexImage, _ box: Box) -> IndexImage {
    var result = IndexImage(width: box.width, height: box.height, index: 255)
    for y in 0..<box.height {
      for x in 0..<box.width {
        let (column, row) = (x + box.x1, y + box.y1)
        if (0..<mask.width).contains(column), (0..<mask.height).contains(row) { result[x, y] = mask[column, row] }
      }
    }
    return result
  }

  /// The source of output pixel (x, y): the square is cropped first and then mirrored.
  static func source(_ x: Int, _ y: Int, size: Int, _ choice: Augmentation.Choice) -> (Int, Int) {
    (choice.x + (choice.mirrored ? size - 1 - x : x), choice.y + y)
  }

  static func planes(of image: RGBImage, _ box: Box, _ choice: Augmentation.Choice, _ augmentation: Augmentation)
    -> [Float]
  {
    var values = [Float](repeating: .nan, count: 3 * augmentation.inputSize * augmentation.inputSize)
    augmentation.planes(of: image, box: box, choice: choice, into: &values)
    return values
  }

  static let boxes = [
    Box(width: 23, height: 17), Box(x1: 3, y1: 2, x2: 12, y2: 9), Box(x1: 5, y1: 5, x2: 5, y2: 5),
    Box(x1: -4, y1: 3, x2: 8, y2: 9), Box(x1: 3, y1: -6, x2: 8, y2: 9), Box(x1: 15, y1: 3, x2: 30, y2: 9),
    Box(x1: 3, y1: 10, x2: 8, y2: 25), Box(x1: -7, y1: -5, x2: 40, y2: 33), Box(x1: -9, y1: 2, x2: -2, y2: 8),
    Box(x1: 23, y1: 2, x2: 29, y2: 8), Box(x1: 2, y1: -9, x2: 8, y2: -1), Box(x1: 2, y1: 17, x2: 8, y2: 20),
    Box(x1: 22, y1: 16, x2: 23, y2: 17), Box(x1: -1, y1: -1, x2: 0, y2: 0), Box(x1: 100, y1: 100, x2: 110, y2: 120),
  ]
  static let choices = [
    Augmentation.Choice(x: 0, y: 0, mirrored: false), Augmentation.Choice(x: 3, y: 1, mirrored: true),
    Augmentation.Choice(x: 2, y: 3, mirrored: false), Augmentation.Choice(x: 0, y: 2, mirrored: true),
  ]

  @Test(
    "The resized side is 350 for 320.", arguments: [(320, 350), (64, 70), (96, 105), (128, 140), (224, 245), (32, 35)])
  func theResizedSideIs350For320(input: Int, resized: Int) {
    let augmentation = Augmentation(inputSize: input)
    #expect(augmentation.inputSize == input && augmentation.resizedSize == resized)
  }

  /// Boxes of exactly the resized side need no resizing.
  @Test("Without resizing, every value equals that of the image.", arguments: choices)
  func withoutResizingEveryPixelIsKnown(choice: Augmentation.Choice) {
    let augmentation = Augmentation(inputSize: 32)
    let mean: [Float] = [104.008, 116.669, 122.675]
    let image = Self.photograph(50, 41)
    let mask = Self.mask(50, 41)
    for (x1, y1) in [(0, 0), (7, 3), (15, 6), (-5, -9), (30, 20), (-20, 30)] {
      let box = Box(x1: x1, y1: y1, x2: x1 + 34, y2: y1 + 34)
      let values = Self.planes(of: image, box, choice, augmentation)
      var indices = [UInt8](repeating: 77, count: 32 * 32)
      augmentation.mask(of: mask, box: box, choice: choice, table: (0...255).map { 255 - $0 }, into: &indices)
      var faults = 0
      for y in 0..<32 {
        for x in 0..<32 {
          let (sx, sy) = Self.source(x, y, size: 32, choice)
          let (column, row) = (sx + x1, sy + y1)
          let inside = (0..<50).contains(column) && (0..<41).contains(row)
          let color = inside ? image[column, row] : Color(0, 0, 0)
          for (plane, level) in [color.blue, color.green, color.red].enumerated() {
            if values[(plane * 32 + y) * 32 + x] != Float(level) - mean[plane] { faults += 1 }
          }
          if indices[y * 32 + x] != 255 - (inside ? mask[column, row] : 255) { faults += 1 }
        }
      }
      #expect(faults == 0, "box at (\(x1), \(y1))")
    }
  }

  @Test("Resized boxes equal the naive twin.", arguments: boxes) func resizedBoxesEqualTheTwin(box: Box) {
    let image = Self.photograph(23, 17)
    let mask = Self.mask(23, 17)
    let augmentation = Augmentation(inputSize: 32)
    let resized = Self.padded(image, box).resizedBilinear(width: 35, height: 35)
    let resizedMask = Self.padded(mask, box).resizedNearest(width: 35, height: 35)
    let table = (0...255).map { UInt8($0 == 255 ? 255 : $0 % 3) }
    for choice in Self.choices {
      let values = Self.planes(of: image, box, choice, augmentation)
      var indices = [UInt8](repeating: 77, count: 32 * 32)
      augmentation.mask(of: mask, box: box, choice: choice, table: table, into: &indices)
      var faults = 0
      for y in 0..<32 {
        for x in 0..<32 {
          let (sx, sy) = Self.source(x, y, size: 32, choice)
          let color = resized[sx, sy]
          let expected = [
            Float(color.blue) - 104.008, Float(color.green) - 116.669, Float(color.red) - 122.675,
          ]
          for plane in 0..<3 where values[(plane * 32 + y) * 32 + x] != expected[plane] { faults += 1 }
          if indices[y * 32 + x] != table[Int(resizedMask[sx, sy])] { faults += 1 }
        }
      }
      #expect(faults == 0, "\(box), \(choice)")
    }
  }

  @Test("Outside the image pixels are black before the mean is subtracted.")
  func outsideTheImageIsBlackBeforeTheMean() {
    let augmentation = Augmentation(inputSize: 32)
    let box = Box(x1: 60, y1: 60, x2: 70, y2: 90)
    let values = Self.planes(of: Self.photograph(23, 17), box, Self.choices[1], augmentation)
    for (plane, mean) in [Float(104.008), 116.669, 122.675].enumerated() {
      #expect(values[plane * 1024..<(plane + 1) * 1024].allSatisfy { $0 == -mean })
    }
    var indices = [UInt8](repeating: 0, count: 1024)
    augmentation.mask(
      of: Self.mask(23, 17), box: box, choice: Self.choices[1], table: Array(0...255), into: &indices)
    #expect(indices.allSatisfy { $0 == 255 })
  }

  /// The twin in plain Float, independent of `resizedBilinear`, is equal within OpenCV's rounding of one level.
  @Test("Resizing is bilinear about pixel centres.")
  func resizingIsBilinearAboutPixelCentres() {
    let image = Self.photograph(23, 17)
    let augmentation = Augmentation(inputSize: 64)
    let choice = Augmentation.Choice(x: 4, y: 2, mirrored: true)
    let box = Box(x1: 2, y1: 1, x2: 20, y2: 15)
    let values = Self.planes(of: image, box, choice, augmentation)
    func position(_ i: Int, _ old: Int) -> (Int, Int, Float) {
      let p = min(max((Float(i) + 0.5) * Float(old) / 70 - 0.5, 0), Float(old - 1))
      return (Int(p), min(Int(p) + 1, old - 1), p - p.rounded(.down))
    }
    for y in 0..<64 {
      for x in 0..<64 {
        let (sx, sy) = Self.source(x, y, size: 64, choice)
        let ((x0, x1, fx), (y0, y1, fy)) = (position(sx, box.width), position(sy, box.height))
        func level(_ x: Int, _ y: Int) -> Float { Float(image[x + box.x1, y + box.y1].green) }
        let upper = level(x0, y0) * (1 - fx) + level(x1, y0) * fx
        let lower = level(x0, y1) * (1 - fx) + level(x1, y1) * fx
        let expected = upper * (1 - fy) + lower * fy - 116.669
        #expect(abs(values[(64 + y) * 64 + x] - expected) <= 1.01)
      }
    }
  }

  @Test("Offsets and mirroring are uniform.")
  func offsetsAndMirrorAreUniform() {
    let augmentation = Augmentation(inputSize: 320)
    var xs = [Int](repeating: 0, count: 31)
    var ys = xs
    var mirrored = 0
    for slot in 0..<31_000 {
      var random = CounterRandom(seed: 1, UInt64(slot))
      let choice = augmentation.draw(&random)
      xs[choice.x] += 1
      ys[choice.y] += 1
      if choice.mirrored { mirrored += 1 }
    }
    // 0...30 each, within six standard deviations of 1000.
    #expect((xs + ys).allSatisfy { abs($0 - 1000) < 190 }, "\(xs) \(ys)")
    #expect(abs(mirrored - 15_500) < 530)
  }
}
