// Synthetic edge maps and images that several tests share.
import Foundation
import Images
import Proposals
import Randomness
import Support

enum DrawnEdges {
  /// Thin strokes in random directions and specks, with the orientations of their normals.
  static func strokes(width: Int, height: Int, seed: UInt64, strokes: Int = 14) -> EdgeMap {
    var random = CounterRandom(seed: seed, 77)
    var map = empty(width, height)
    func put(_ x: Double, _ y: Double, _ magnitude: Float, angle: Double) {
      let (column, row) = (Int(x.rounded()), Int(y.rounded()))
      guard (0..<width).contains(column) && (0..<height).contains(row) else { return }
      map.magnitude[row * width + column] = magnitude
      var angle = angle.truncatingRemainder(dividingBy: .pi)
      if angle < 0 { angle += .pi }
      map.orientation[row * width + column] = min(Float(angle), Float.pi.nextDown)
    }
    for _ in 0..<strokes {
      let (x, y) = (random.uniform(0, Double(width)), random.uniform(0, Double(height)))
      var angle = random.uniform(0, 2 * .pi)
      let bend = random.uniform(-0.08, 0.08)
      let magnitude = Float(random.uniform(0.15, 1))
      var (px, py) = (x, y)
      for _ in 0..<5 + random.integer(below: 40) {
        put(px, py, magnitude, angle: angle + .pi / 2 + random.uniform(-0.1, 0.1))
        (px, py, angle) = (px + cos(angle), py + sin(angle), angle + bend)
      }
    }
    for _ in 0..<width * height / 60 {
      put(
        random.uniform(0, Double(width)), random.uniform(0, Double(height)), Float(random.uniform(0, 0.6)),
        angle: random.uniform(0, .pi))
    }
    return map
  }

  static func empty(_ width: Int, _ height: Int) -> EdgeMap {
    EdgeMap(
      width: width, height: height, magnitude: [Float](repeating: 0, count: width * height),
      orientation: [Float](repeating: 0, count: width * height))
  }

  /// Discs and rectangles of random colours on a noisy background.
  static func image(width: Int, height: Int, seed: UInt64, noise: Int = 12) -> RGBImage {
    var random = CounterRandom(seed: seed, 78)
    var image = RGBImage(width: width, height: height, color: Color(120, 130, 90))
    for shape in 0..<6 {
      let color = Color(
        UInt8(random.integer(below: 256)), UInt8(random.integer(below: 256)), UInt8(random.integer(below: 256)))
      let (cx, cy) = (random.integer(below: width), random.integer(below: height))
      let (rx, ry) = (3 + random.integer(below: max(1, width / 4)), 3 + random.integer(below: max(1, height / 4)))
      for y in max(0, cy - ry)...min(height - 1, cy + ry) {
        for x in max(0, cx - rx)...min(width - 1, cx + rx) {
          let (dx, dy) = (Double(x - cx) / Double(rx), Double(y - cy) / Double(ry))
          if shape % 2 == 0 || dx * dx + dy * dy <= 1 { image[x, y] = color }
        }
      }
    }
    for i in image.pixels.indices {
      image.pixels[i] = UInt8(max(0, min(255, Int(image.pixels[i]) + random.integer(below: 2 * noise + 1) - noise)))
    }
    return image
  }

  static func golden(_ name: String) -> String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Golden/\(name)").path
  }

  static func decoded<T: Decodable>(_ type: T.Type, _ name: String) throws -> T {
    try JSONDecoder().decode(type, from: Data(contentsOf: URL(fileURLWithPath: golden(name))))
  }
}

/// A temporary folder, which is removed with this object.
final class ScratchFolder {
  let path: String
  init() {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("dnet-proposals-\(UUID().uuidString)").path
    try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }
  func write(_ text: String, _ name: String) { write(Array(text.utf8), name) }
  func write(_ bytes: [UInt8], _ name: String) {
    try! FileBytes.write(bytes, to: "\(path)/\(name)")
  }
  deinit { try? FileManager.default.removeItem(atPath: path) }
}
