// The numbers of the golden files: weights, images, labels and masks by formula, bit for bit those of
// docs/golden/reference_values.py, and the files themselves.

import Foundation

enum ReferenceValues {
  /// 32-bit FNV-1a of the bytes.
  static func fnv1a(_ text: String) -> UInt32 {
    text.utf8.reduce(0x811C_9DC5) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
  }

  static func mix(_ value: UInt32) -> UInt32 {
    var x = value
    x = (x ^ (x >> 16)) &* 0x7FEB_352D
    x = (x ^ (x >> 15)) &* 0x846C_A68B
    return x ^ (x >> 16)
  }

  /// A number in [-1, 1) with 24 bits, so exact in Float.
  static func unit(_ key: UInt32, _ index: Int) -> Double {
    let hashed = mix(mix(UInt32(truncatingIfNeeded: index) &+ 0x9E37_79B9) ^ key)
    return (Double(hashed >> 8) - 8_388_608) / 8_388_608
  }

  /// center + amplitude * unit, rounded to Float; `name` is the salt, "/", and the tensor's name.
  static func values(_ name: String, count: Int, center: Double, amplitude: Double) -> [Float] {
    let key = fnv1a(name)
    return (0..<count).map { Float(center + amplitude * unit(key, $0)) }
  }

  /// N x 3 x H x W in [-120, 120): a unit for the pixel plus one for its 16x16 block, 60 each.
  static func images(salt: String, examples: Int, size: Int) -> [Float] {
    let pixels = fnv1a(salt + "/images")
    let blocks = fnv1a(salt + "/blocks")
    let side = size / 16
    return (0..<(examples * 3 * size * size)).map { index in
      let (x, y, plane) = (index % size, index / size % size, index / (size * size))
      return Float(60 * (unit(pixels, index) + unit(blocks, (plane * side + y / 16) * side + x / 16)))
    }
  }

  /// N x L of 0 and 1: above 0.2, or l = n mod L.
  static func labels(salt: String, examples: Int, classes: Int) -> [Float] {
    let key = fnv1a(salt + "/labels")
    return (0..<(examples * classes)).map { index in
      unit(key, index) > 0.2 || index % classes == index / classes % classes ? 1 : 0
    }
  }

  /// N x H x W: below -0.8 ignored (255), above 0.2 foreground (1), else background (0).
  static func masks(salt: String, examples: Int, size: Int) -> [UInt8] {
    let key = fnv1a(salt + "/masks")
    return (0..<(examples * size * size)).map { index in
      let value = unit(key, index)
      return value < -0.8 ? 255 : value > 0.2 ? 1 : 0
    }
  }
}

/// One golden file: what goes in, by formula, and what PyTorch made of it in float64.
struct Golden: Decodable, Sendable {
  struct Network: Decodable {
    let width: Double
    let inputSize: Int
    let classes: Int
    let batchNorm: Bool
  }
  struct Range: Decodable {
    let name: String
    let shape: [Int]
    let center: Double
    let amplitude: Double
  }
  struct Entry: Decodable {
    let index: Int
    let value: Double
  }
  /// L2 norm and a few entries of a tensor, the largest among them.
  struct Summary: Decodable {
    let norm: Double
    let entries: [Entry]
  }
  struct Gradient: Decodable {
    let name: String
    /// Zero in exact arithmetic: compare its size with others', not its digits.
    let zero: Bool
    let norm: Double
    let entries: [Entry]
  }
  struct Classification: Decodable {
    let loss: Double
    /// N x L, average-pooled, before the sigmoid.
    let scores: [Double]
    let gradients: [Gradient]
  }
  struct Segmentation: Decodable {
    let loss: Double
    let countedPixels: Int
    let maxScores: [Double]
    let pool5: Summary
    let saliency: Summary
    /// N x 2 x H x W, before the softmax.
    let scores: Summary
    let gradients: [Gradient]
  }
  struct Foreground: Decodable {
    let example: Int
    let `class`: Int
    let norm: Double
    let entries: [Entry]
  }
  struct Inference: Decodable {
    let averageScores: [Double]
    let maxScores: [Double]
    /// N x H x W.
    let background: Summary
    /// H x W each.
    let foreground: [Foreground]
  }

  let network: Network
  let examples: Int
  let salt: String
  let parameters: [Range]
  let classification: Classification
  let segmentation: Segmentation
  let inference: Inference

  static let names = [
    "size64-classes5", "size64-classes20", "size96-classes5", "size96-classes20", "size64-classes20-batchnorm",
    "size96-classes5-batchnorm", "size64-classes20-calm", "size96-classes5-batchnorm-calm",
  ]

  static func named(_ name: String) throws -> Golden {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "Golden/\(name).json")
    return try JSONDecoder().decode(Golden.self, from: Data(contentsOf: file))
  }

  /// Every parameter by name, batch-normalisation statistics included.
  var parameterValues: [String: [Float]] {
    Dictionary(
      uniqueKeysWithValues: parameters.map { range in
        (
          range.name,
          ReferenceValues.values(
            "\(salt)/\(range.name)", count: range.shape.reduce(1, *), center: range.center, amplitude: range.amplitude)
        )
      })
  }
  var images: [Float] { ReferenceValues.images(salt: salt, examples: examples, size: network.inputSize) }
  var labels: [Float] { ReferenceValues.labels(salt: salt, examples: examples, classes: network.classes) }
  var masks: [UInt8] { ReferenceValues.masks(salt: salt, examples: examples, size: network.inputSize) }
}
