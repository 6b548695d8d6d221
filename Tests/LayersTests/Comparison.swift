// Measures of error, and conversions between the layouts of layers and naive twins.
import Compute
import Kernels
import Layers

/// The largest difference over the largest true magnitude; infinite where a value is missing or NaN.
func relativeError(_ values: some Collection<Float>, _ truth: some Collection<Double>) -> Double {
  guard values.count == truth.count, values.allSatisfy(\.isFinite) else { return .infinity }
  let scale = truth.reduce(0) { max($0, abs($1)) }
  return zip(values, truth).reduce(0) { max($0, abs(Double($1.0) - $1.1)) } / max(scale, .leastNormalMagnitude)
}

func doubles(_ values: some Sequence<Float>) -> [Double] { values.map(Double.init) }

/// Compares long arrays as a plain Bool: a failed `#expect(a == b)` would print their difference for minutes.
func identical(_ a: some Sequence<Float>, _ b: some Sequence<Float>) -> Bool {
  a.map(\.bitPattern) == b.map(\.bitPattern)
}

extension FeatureMaps {
  /// The values in the order of the naive twins.
  var naive: NaiveMaps {
    NaiveMaps(
      images: images, channels: channels, height: height, width: width,
      blocked: Array(UnsafeBufferPointer(start: data, count: count)))
  }
}

extension ActivationShape {
  /// Maps of this shape from values in channel blocks.
  func naive(images: Int, blocked: [Float]) -> NaiveMaps {
    NaiveMaps(images: images, channels: channels, height: height, width: width, blocked: blocked)
  }

  /// Maps of this shape from rows [M][C].
  func naive(images: Int, rows: [Float]) -> NaiveMaps {
    NaiveMaps(images: images, channels: channels, height: height, width: width).like { n, c, y, x in
      Double(rows[((n * height + y) * width + x) * channels + c])
    }
  }
}

extension NaiveMaps {
  /// The values as rows [M][C].
  var rows: [Double] {
    var rows = [Double](repeating: 0, count: values.count)
    forEach { n, c, y, x in rows[((n * height + y) * width + x) * channels + c] = self[n, c, y, x] }
    return rows
  }
}
