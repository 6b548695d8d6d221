// The golden files: the inputs of a network, by formula, and PyTorch's float64 results for them.
import Foundation
import TestSupport

/// One golden file.
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
  /// The L2 norm and a few entries of a tensor, the largest among them.
  struct Summary: Decodable {
    let norm: Double
    let entries: [Entry]
  }
  struct Gradient: Decodable {
    let name: String
    /// True for a tensor that is zero in exact arithmetic; its size is compared with others', not its digits.
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

  /// Every parameter by name, including batch-norm statistics.
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
