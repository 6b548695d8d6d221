// The maps of the naive twins: plain (N, C, H, W) order, double precision, checked indices. Twins are for tests: slow,
// obvious, and independent of the fast kernels in everything but the mathematics.

/// N maps of C channels and H x W pixels.
package struct NaiveMaps: Equatable, Sendable {
  package let images: Int
  package let channels: Int
  package let height: Int
  package let width: Int
  package var values: [Double]

  /// Creates zeroed maps, or maps of values in (N, C, H, W) order.
  package init(images: Int, channels: Int, height: Int, width: Int, values: [Double]? = nil) {
    self.images = images
    self.channels = channels
    self.height = height
    self.width = width
    self.values = values ?? Array(repeating: 0, count: images * channels * height * width)
  }

  /// Creates maps from values in the kernels' order (N, C/16, H, W, 16).
  package init(images: Int, channels: Int, height: Int, width: Int, blocked: [Float]) {
    self.init(images: images, channels: channels, height: height, width: width)
    forEach { n, c, y, x in self[n, c, y, x] = Double(blocked[blockedIndex(image: n, channel: c, y: y, x: x)]) }
  }

  /// The values in the kernels' order, rounded to single precision.
  package var blocked: [Float] {
    var result = [Float](repeating: .nan, count: values.count)
    forEach { n, c, y, x in result[blockedIndex(image: n, channel: c, y: y, x: x)] = Float(self[n, c, y, x]) }
    return result
  }

  package subscript(n: Int, c: Int, y: Int, x: Int) -> Double {
    get { values[((n * channels + c) * height + y) * width + x] }
    set { values[((n * channels + c) * height + y) * width + x] = newValue }
  }

  package func forEach(_ body: (_ n: Int, _ c: Int, _ y: Int, _ x: Int) -> Void) {
    for n in 0..<images {
      for c in 0..<channels {
        for y in 0..<height {
          for x in 0..<width { body(n, c, y, x) }
        }
      }
    }
  }

  package func blockedIndex(image: Int, channel: Int, y: Int, x: Int) -> Int {
    (((image * (channels / 16) + channel / 16) * height + y) * width + x) * 16 + channel % 16
  }

  /// Returns maps of the same shape with other values.
  package func like(_ value: (_ n: Int, _ c: Int, _ y: Int, _ x: Int) -> Double) -> NaiveMaps {
    var result = self
    forEach { n, c, y, x in result[n, c, y, x] = value(n, c, y, x) }
    return result
  }
}
