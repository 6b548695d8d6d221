// CIE Luv as computed by Dollar's toolbox: bytes are taken as linear light, and values are scaled to about 0...1.
import Images

enum LuvColor {
  /// Returns planes of L, u and v with `padding` mirrored pixels around them.
  static func planes(of image: RGBImage, padding: Int) -> [Plane] {
    let (width, height) = (image.width + 2 * padding, image.height + 2 * padding)
    let planes = (0..<3).map { _ in Plane(width: width, height: height) }
    let scale: Float = 1 / 270
    for y in 0..<height {
      let source = Border.mirrored.index(y - padding, image.height)
      for x in 0..<width {
        let p = 3 * (source * image.width + Border.mirrored.index(x - padding, image.width))
        let (r, g, b) = (
          Float(image.pixels[p]) / 255, Float(image.pixels[p + 1]) / 255, Float(image.pixels[p + 2]) / 255
        )
        let cx = 0.430574 * r + 0.341550 * g + 0.178325 * b
        let cy = 0.222015 * r + 0.706655 * g + 0.071330 * b
        let cz = 0.020183 * r + 0.129553 * g + 0.939180 * b
        let inverse = 1 / (cx + 15 * cy + 3 * cz + 1e-35)
        let l = lightness[Int(1024 * cy)]
        planes[0].row(y)[x] = l
        planes[1].row(y)[x] = l * (52 * cx * inverse - 13 * 0.197833) + 88 * scale
        planes[2].row(y)[x] = l * (117 * cy * inverse - 13 * 0.468331) + 134 * scale
      }
    }
    return planes
  }

  /// L / 270 in steps of 1/1024; the last value repeats beyond 1.
  private static let lightness: [Float] = (0..<1064).map { i in
    let y = Double(min(i, 1023)) / 1024
    let slope = 29.0 * 29 * 29 / 27
    guard y > 8 / slope else { return Float(y * slope / 270) }
    var root = 1.0
    for _ in 0..<60 { root -= (root * root * root - y) / (3 * root * root) }
    return Float((116 * root - 16) / 270)
  }
}
