// Support for the tests of convolutions: shapes, orders of tasks, repeatable values, and measures of error.
import Kernels
import Testing

/// The shape of a layer, described as `images x channels in -> out at height x width`.
struct ConvolutionShape: CustomTestStringConvertible, Sendable {
  var images: Int
  var inputs: Int
  var outputs: Int
  var height: Int
  var width: Int
  var testDescription: String { "\(images) x \(inputs)->\(outputs) at \(height)x\(width)" }

  /// Maps smaller than a tile, odd sizes, channels that leave a panel of 16, more tiles than a block, cut channels.
  static let awkward = [
    ConvolutionShape(images: 1, inputs: 16, outputs: 16, height: 1, width: 1),
    ConvolutionShape(images: 3, inputs: 16, outputs: 48, height: 1, width: 1),
    ConvolutionShape(images: 5, inputs: 16, outputs: 48, height: 2, width: 2),
    ConvolutionShape(images: 2, inputs: 48, outputs: 16, height: 5, width: 7),
    ConvolutionShape(images: 4, inputs: 32, outputs: 80, height: 6, width: 6),
    ConvolutionShape(images: 1, inputs: 64, outputs: 32, height: 13, width: 9),
    ConvolutionShape(images: 2, inputs: 16, outputs: 48, height: 33, width: 20),
    ConvolutionShape(images: 1, inputs: 16, outputs: 32, height: 1, width: 130),
    ConvolutionShape(images: 2, inputs: 16, outputs: 16, height: 61, width: 66),
    ConvolutionShape(images: 2, inputs: 144, outputs: 272, height: 3, width: 4),
    ConvolutionShape(images: 3, inputs: 64, outputs: 160, height: 21, width: 19),
  ]

  var inputCount: Int { images * inputs * height * width }
  var outputCount: Int { images * outputs * height * width }
  var weightCount: Int { inputs * outputs * 9 }

  var naive: NaiveConvolution {
    NaiveConvolution(images: images, inputChannels: inputs, outputChannels: outputs, height: height, width: width)
  }
}

/// An order of tasks. Scratch memory is filled with NaN before each task, so that reading it before writing shows.
enum TaskOrder {
  case rising, falling, shuffled

  func run(_ count: Int, scratchFloats: Int, _ body: (Int, UnsafeMutablePointer<Float>) -> Void) {
    let scratch = UnsafeMutablePointer<Float>.allocate(capacity: scratchFloats)
    defer { scratch.deallocate() }
    for step in 0..<count {
      scratch.update(repeating: .nan, count: scratchFloats)
      switch self {
      case .rising: body(step, scratch)
      case .falling: body(count - 1 - step, scratch)
      case .shuffled: body((step * 7919 + 3) % count, scratch)
      }
    }
  }
}

/// Returns values in -1..<1 that depend on the index and a key alone.
func testValues(_ count: Int, key: UInt64) -> [Float] {
  (0..<count).map { index in
    var x = (UInt64(index) &+ 1) &* 0x9E37_79B9_7F4A_7C15 &+ key &* 0xD1B5_4A32_D192_ED03
    x = (x ^ (x >> 30)) &* 0xBF58_476D_1CE4_E5B9
    x = (x ^ (x >> 27)) &* 0x94D0_49BB_1331_11EB
    return Float(Int64(bitPattern: x ^ (x >> 31)) >> 40) / Float(1 << 23)
  }
}

/// Returns |a - b| / |b| in the Euclidean norm, which is NaN if any value is.
func relativeL2Error(_ a: [Float], _ b: [Float]) -> Double {
  precondition(a.count == b.count)
  var (difference, norm) = (0.0, 0.0)
  for (x, y) in zip(a, b) {
    difference += (Double(x) - Double(y)) * (Double(x) - Double(y))
    norm += Double(y) * Double(y)
  }
  return (difference / max(norm, 1e-30)).squareRoot()
}

func innerProduct(_ a: [Float], _ b: [Float]) -> Double { zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) } }
