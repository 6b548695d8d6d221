// The transforms of Winograd's minimal filtering F(4x4, 3x3), applied to vectors of 16 channels.
//
// A tile of 4x4 outputs needs 6x6 inputs. With V = B' d B and U = G g G' the outputs are A' (U * V) A, which takes 36
// products instead of 144 (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015).
//
// The interpolation points are 0, +-5/8, +-3/2 and infinity. Lavin's points 0, +-1, +-2 cost as many operations here
// and give twice the rounding error (256 channels: 2.4e-6 against 1.2e-6, relative). The constants of the transforms of
// inputs and outputs are exact in float32.
//
// Goals, in order of priority: accuracy, speed, brevity.

/// The one-dimensional transforms. The transforms above apply them to the rows and then to the columns of a tile.
enum Winograd {
  typealias Three = (Lanes, Lanes, Lanes)
  typealias Four = (Lanes, Lanes, Lanes, Lanes)
  typealias Six = (Lanes, Lanes, Lanes, Lanes, Lanes, Lanes)

  /// Outputs along a side of a tile.
  static let outputs = 4
  /// Products per tile.
  static let products = 36
  /// Padding in floats between the values of two positions, which would otherwise share cache sets.
  static let oddLines = 80

  private static let a: Float = 0.625
  private static let b: Float = 1.5
  private static let a2: Float = a * a
  private static let b2: Float = b * b
  private static let a3: Float = a * a * a
  private static let b3: Float = b * b * b
  private static let product: Float = a2 * b2
  private static let sum: Float = a2 + b2
  private static let scale0: Float = 1 / (a2 * b2)
  private static let scaleA: Float = 1 / (2 * a2 * (a2 - b2))
  private static let scaleB: Float = 1 / (2 * b2 * (b2 - a2))

  /// Returns B' d: six factors from six inputs.
  @inline(__always)
  static func input(_ d: Six) -> Six {
    let evenA = d.4.addingProduct(d.2, Lanes(repeating: -b2))
    let oddA = d.3.addingProduct(d.1, Lanes(repeating: -b2))
    let evenB = d.4.addingProduct(d.2, Lanes(repeating: -a2))
    let oddB = d.3.addingProduct(d.1, Lanes(repeating: -a2))
    return (
      d.4.addingProduct(d.2, Lanes(repeating: -sum)).addingProduct(d.0, Lanes(repeating: product)),
      evenA.addingProduct(oddA, Lanes(repeating: a)),
      evenA.addingProduct(oddA, Lanes(repeating: -a)),
      evenB.addingProduct(oddB, Lanes(repeating: b)),
      evenB.addingProduct(oddB, Lanes(repeating: -b)),
      d.5.addingProduct(d.3, Lanes(repeating: -sum)).addingProduct(d.1, Lanes(repeating: product))
    )
  }

  /// Returns G g: six factors from three weights.
  @inline(__always)
  static func weights(_ g: Three) -> Six {
    let evenA = g.0.addingProduct(g.2, Lanes(repeating: a2)) * scaleA
    let oddA = g.1 * (a * scaleA)
    let evenB = g.0.addingProduct(g.2, Lanes(repeating: b2)) * scaleB
    let oddB = g.1 * (b * scaleB)
    return (g.0 * scale0, evenA + oddA, evenA - oddA, evenB + oddB, evenB - oddB, g.2)
  }

  /// Returns A' m: four outputs from six products.
  @inline(__always)
  static func output(_ m: Six) -> Four {
    let evenA = m.1 + m.2
    let oddA = m.1 - m.2
    let evenB = m.3 + m.4
    let oddB = m.3 - m.4
    return (
      m.0 + evenA + evenB,
      (oddA * a).addingProduct(oddB, Lanes(repeating: b)),
      (evenA * a2).addingProduct(evenB, Lanes(repeating: b2)),
      m.5.addingProduct(oddA, Lanes(repeating: a3)).addingProduct(oddB, Lanes(repeating: b3))
    )
  }

  /// Returns A y, the adjoint of `output`: six factors from four output gradients.
  @inline(__always)
  static func outputGradient(_ y: Four) -> Six {
    let evenA = y.0.addingProduct(y.2, Lanes(repeating: a2))
    let oddA = (y.1 * a).addingProduct(y.3, Lanes(repeating: a3))
    let evenB = y.0.addingProduct(y.2, Lanes(repeating: b2))
    let oddB = (y.1 * b).addingProduct(y.3, Lanes(repeating: b3))
    return (y.0, evenA + oddA, evenA - oddA, evenB + oddB, evenB - oddB, y.3)
  }

  /// Returns G' u, the adjoint of `weights`: three weight gradients from six sums.
  @inline(__always)
  static func weightGradient(_ u: Six) -> Three {
    let evenA = (u.1 + u.2) * scaleA
    let oddA = (u.1 - u.2) * scaleA
    let evenB = (u.3 + u.4) * scaleB
    let oddB = (u.3 - u.4) * scaleB
    return (
      (u.0 * scale0) + evenA + evenB,
      (oddA * a).addingProduct(oddB, Lanes(repeating: b)),
      u.5.addingProduct(evenA, Lanes(repeating: a2)).addingProduct(evenB, Lanes(repeating: b2))
    )
  }
}

extension UnsafeMutablePointer<Float> {
  /// Stores six vectors `step` floats apart.
  @inline(__always)
  func setSix(_ value: Winograd.Six, at index: Int, step: Int) {
    setLanes(value.0, at: index)
    setLanes(value.1, at: index + step)
    setLanes(value.2, at: index + 2 * step)
    setLanes(value.3, at: index + 3 * step)
    setLanes(value.4, at: index + 4 * step)
    setLanes(value.5, at: index + 5 * step)
  }

  @inline(__always)
  func six(at index: Int, step: Int) -> Winograd.Six { UnsafePointer(self).six(at: index, step: step) }

  @inline(__always)
  func four(at index: Int, step: Int) -> Winograd.Four { UnsafePointer(self).four(at: index, step: step) }
}

extension UnsafePointer<Float> {
  /// Six vectors `step` floats apart.
  @inline(__always)
  func six(at index: Int, step: Int) -> Winograd.Six {
    (
      lanes(at: index), lanes(at: index + step), lanes(at: index + 2 * step),
      lanes(at: index + 3 * step), lanes(at: index + 4 * step), lanes(at: index + 5 * step)
    )
  }

  /// Four vectors `step` floats apart.
  @inline(__always)
  func four(at index: Int, step: Int) -> Winograd.Four {
    (lanes(at: index), lanes(at: index + step), lanes(at: index + 2 * step), lanes(at: index + 3 * step))
  }
}
