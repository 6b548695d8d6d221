// Statistics of stored tensors, and the differences between the tensors of two models.
import Compute

/// Statistics of one tensor over its finite values; nil where it has none.
package struct TensorSummary: Codable, Sendable, Equatable {
  package let name: String
  package let shape: [Int]
  package let bytes: Int
  package let minimum: Float?
  package let maximum: Float?
  package let mean: Double?
  /// The root of the mean square.
  package let rms: Double?
  package let notANumber: Int
  package let infinite: Int

  package init(_ tensor: NamedTensor) {
    name = tensor.name
    shape = tensor.shape
    bytes = 4 * tensor.values.count
    var least = Float.infinity
    var most = -Float.infinity
    var sum = 0.0
    var squares = 0.0
    var finite = 0
    var nans = 0
    withExtendedLifetime(tensor) {
      for value in tensor.values {
        guard value.isFinite else {
          if value.isNaN { nans += 1 }
          continue
        }
        finite += 1
        sum += Double(value)
        squares += Double(value) * Double(value)
        least = min(least, value)
        most = max(most, value)
      }
    }
    minimum = finite > 0 ? least : nil
    maximum = finite > 0 ? most : nil
    mean = finite > 0 ? sum / Double(finite) : nil
    rms = finite > 0 ? (squares / Double(finite)).squareRoot() : nil
    notANumber = nans
    infinite = tensor.values.count - finite - nans
  }
}

/// The difference between two models in one tensor.
package struct TensorDifference: Codable, Sendable, Equatable {
  package enum Kind: String, Codable, Sendable {
    case equal, differs, shapesDiffer, onlyInFirst, onlyInSecond
  }

  package let name: String
  package let kind: Kind
  /// The number of values whose bits differ.
  package let differing: Int
  /// The largest |a - b| over pairs of finite values.
  package let largestAbsolute: Double
  /// The largest |a - b| / max(|a|, |b|) over pairs of finite values.
  package let largestRelative: Double
  /// The number of differing pairs of which at least one value is not finite.
  package let notFinite: Int

  private init(
    _ name: String, _ kind: Kind, differing: Int = 0, absolute: Double = 0, relative: Double = 0, notFinite: Int = 0
  ) {
    self.name = name
    self.kind = kind
    self.differing = differing
    self.notFinite = notFinite
    largestAbsolute = absolute
    largestRelative = relative
  }

  private init(_ first: NamedTensor, _ second: NamedTensor) {
    guard first.shape == second.shape else {
      self.init(first.name, .shapesDiffer)
      return
    }
    var differing = 0
    var bad = 0
    var absolute = 0.0
    var relative = 0.0
    withExtendedLifetime((first, second)) {
      for (a, b) in zip(first.values, second.values) where a.bitPattern != b.bitPattern {
        differing += 1
        guard a.isFinite, b.isFinite else {
          bad += 1
          continue
        }
        let difference = abs(Double(a) - Double(b))
        absolute = max(absolute, difference)
        let size = Double(max(abs(a), abs(b)))
        if size > 0 { relative = max(relative, difference / size) }
      }
    }
    self.init(
      first.name, differing == 0 ? .equal : .differs, differing: differing, absolute: absolute, relative: relative,
      notFinite: bad)
  }

  /// Compares all tensors of both files by name.
  package static func between(_ first: StoredTensors, _ second: StoredTensors) -> [TensorDifference] {
    let names = Set(first.namedTensors.map(\.name)).union(second.namedTensors.map(\.name))
    return names.sorted().map { name in
      switch (first[name], second[name]) {
      case (let a?, let b?): TensorDifference(a, b)
      case (_?, nil): TensorDifference(name, .onlyInFirst)
      default: TensorDifference(name, .onlyInSecond)
      }
    }
  }
}
