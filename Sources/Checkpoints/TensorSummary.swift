// What can be said of weights without a network: ranges and damage of each tensor, and how two models differ.
import Compute

/// One tensor in figures. Those over values leave out what is not finite; nil where nothing is left.
package struct TensorSummary: Codable, Sendable, Equatable {
  package let name: String
  package let shape: [Int]
  package let bytes: Int
  package let minimum: Float?
  package let maximum: Float?
  package let mean: Double?
  /// Root of the mean square.
  package let rms: Double?
  package let notANumber: Int
  package let infinite: Int

  package init(_ tensor: NamedTensor) {
    (name, shape, bytes) = (tensor.name, tensor.shape, 4 * tensor.values.count)
    var (least, most) = (Float.infinity, -Float.infinity)
    var (sum, squares, finite, nans) = (0.0, 0.0, 0, 0)
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

/// How one tensor of two models differs.
package struct TensorDifference: Codable, Sendable, Equatable {
  package enum Kind: String, Codable, Sendable {
    case equal, differs, shapesDiffer, onlyInFirst, onlyInSecond
  }

  package let name: String
  package let kind: Kind
  /// Values whose bits differ.
  package let differing: Int
  /// Largest |a - b| and |a - b| / max(|a|, |b|), over pairs of finite values.
  package let largestAbsolute: Double
  package let largestRelative: Double
  /// Pairs that differ and of which one is not finite.
  package let notFinite: Int

  private init(
    _ name: String, _ kind: Kind, differing: Int = 0, absolute: Double = 0, relative: Double = 0, notFinite: Int = 0
  ) {
    (self.name, self.kind, self.differing, self.notFinite) = (name, kind, differing, notFinite)
    (largestAbsolute, largestRelative) = (absolute, relative)
  }

  private init(_ first: NamedTensor, _ second: NamedTensor) {
    guard first.shape == second.shape else {
      self.init(first.name, .shapesDiffer)
      return
    }
    var (differing, bad, absolute, relative) = (0, 0, 0.0, 0.0)
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

  /// All tensors of both, by name.
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
