// Golden files made by other tools (Golden/make.py), the random bytes that both sides generate, and temporary folders.
import Foundation
import Images

enum Golden {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Golden").path
  static func path(_ name: String) -> String { "\(folder)/\(name)" }

  static func json<Value: Decodable>(_ name: String, as type: Value.Type) throws -> Value {
    try JSONDecoder().decode(type, from: Data(contentsOf: URL(fileURLWithPath: path(name))))
  }

  /// The random generator of make.py.
  static func noise(_ count: Int, seed: UInt64) -> [UInt8] {
    var state = seed
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return UInt8(state >> 56)
    }
  }

  static func fnv(_ bytes: [UInt8]) -> String {
    String(bytes.reduce(UInt64(0xcbf2_9ce4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 })
  }

  static func noiseImage(_ width: Int, _ height: Int, seed: UInt64 = 1) -> RGBImage {
    RGBImage(width: width, height: height, pixels: noise(width * height * 3, seed: seed))
  }

  /// Smooth waves, which JPEG preserves well.
  static func smoothImage(_ width: Int, _ height: Int) -> RGBImage {
    var image = RGBImage(width: width, height: height)
    for y in 0..<height {
      for x in 0..<width {
        let v = { (k: Double) in UInt8(128 + 90 * sin((Double(x) * k + Double(y)) / 15)) }
        image[x, y] = Color(v(1), v(0.5), v(2))
      }
    }
    return image
  }

  static func temporaryFolder() throws -> String {
    let path = NSTemporaryDirectory() + "dnet-images-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
  }
}
