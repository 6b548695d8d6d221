// An edge detector without a model: thinned colour gradients at several scales. Coarse scales suppress texture; fine
// ones localize outlines. The scales and the threshold were chosen by the recall of EdgeBoxes on photographs
// (docs/proposals.md).
import Images

package struct GradientEdges: EdgeDetector {
  /// The scales: the radius of smoothing in pixels, which is also half the distance of the differences.
  package var radii = [6, 12]
  /// The distance across an edge within which a stronger one suppresses it.
  package var thinning = 2
  /// The share of pixels, the strongest ones, that are edges of magnitude 1.
  package var fullShare = 0.005
  /// The smallest colour difference (Lab units) of such an edge, so that noise in a uniform image stays weak.
  package var leastFull: Float = 4

  package init() {}

  package func edges(of image: RGBImage) -> EdgeMap {
    var map = gradients(of: image).thinned(radius: thinning)
    let ranked = map.magnitude.filter { $0 > 0 }.sorted(by: >)
    let rank = Int(fullShare * Double(map.magnitude.count))
    let full = max(leastFull, ranked.isEmpty ? 0 : ranked[min(rank, ranked.count - 1)])
    for i in map.magnitude.indices { map.magnitude[i] = min(1, map.magnitude[i] / full) }
    return map
  }

  /// Returns the mean length of the gradient over the scales, in Lab units over the distance of a scale, and its
  /// direction: that of the greatest change of colour, from the sum of the outer products over channels and scales.
  package func gradients(of image: RGBImage) -> EdgeMap {
    let colors = LabColor.planes(of: image)
    let (width, height) = (image.width, image.height)
    // The length, and the tensor [xx xy; xy yy] as xx - yy and 2 xy, the cosine and sine of the doubled angle.
    let (length, cosine, sine) = (
      Plane(width: width, height: height), Plane(width: width, height: height), Plane(width: width, height: height)
    )
    for radius in radii {
      let smooth = colors.map { $0.smoothed(radius: radius, border: .mirrored) }
      let padded = smooth.map { _ in PaddedRow(width: width, reach: radius, border: .mirrored) }
      for y in 0..<height {
        let above = Border.mirrored.index(y - radius, height)
        let below = Border.mirrored.index(y + radius, height)
        let rows = zip(padded, smooth).map { $0.fill($1.row(y)) }
        let (out, c, s) = (length.row(y), cosine.row(y), sine.row(y))
        for x in Swift.stride(from: 0, to: length.stride, by: Plane.lanes) {
          var (xx, xy, yy) = (SIMD16<Float>(), SIMD16<Float>(), SIMD16<Float>())
          for channel in 0..<3 {
            let row = rows[channel] + x
            let dx = load16(row + 2 * radius) - load16(row)
            let dy = load16(smooth[channel].row(below) + x) - load16(smooth[channel].row(above) + x)
            xx += dx * dx
            xy += dx * dy
            yy += dy * dy
          }
          let (difference, double) = (xx - yy, xy + xy)
          // The larger eigenvalue of the tensor.
          let larger = (xx + yy + (difference * difference + double * double).squareRoot()) * 0.5
          store16(load16(out + x) + larger.squareRoot(), out + x)
          store16(load16(c + x) + difference, c + x)
          store16(load16(s + x) + double, s + x)
        }
      }
    }
    var (magnitude, orientation) = ([Float](), [Float]())
    magnitude.reserveCapacity(width * height)
    orientation.reserveCapacity(width * height)
    for y in 0..<height {
      let (m, c, s) = (length.row(y), cosine.row(y), sine.row(y))
      for x in 0..<width {
        magnitude.append(m[x] / Float(radii.count))
        orientation.append(DeterministicMath.halfAngle(c[x], s[x]))
      }
    }
    return EdgeMap(width: width, height: height, magnitude: magnitude, orientation: orientation)
  }
}
