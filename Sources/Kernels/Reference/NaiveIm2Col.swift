// The naive twin of `Im2Col`.

package enum NaiveIm2Col {
  /// Returns the windows as rows [N (H-K+1) (W-K+1)][C K K].
  package static func unfold(_ maps: NaiveMaps, kernel: Int) -> [Double] {
    var rows: [Double] = []
    for n in 0..<maps.images {
      for y in 0...maps.height - kernel {
        for x in 0...maps.width - kernel {
          for c in 0..<maps.channels {
            for ky in 0..<kernel {
              for kx in 0..<kernel { rows.append(maps[n, c, y + ky, x + kx]) }
            }
          }
        }
      }
    }
    return rows
  }

  /// Returns the result of the adjoint: every entry of the rows is added to the pixel that `unfold` takes it from.
  package static func fold(
    _ rows: [Double], images: Int, channels: Int, height: Int, width: Int, kernel: Int
  ) -> NaiveMaps {
    var maps = NaiveMaps(images: images, channels: channels, height: height, width: width)
    var index = 0
    for n in 0..<images {
      for y in 0...height - kernel {
        for x in 0...width - kernel {
          for c in 0..<channels {
            for ky in 0..<kernel {
              for kx in 0..<kernel {
                maps[n, c, y + ky, x + kx] += rows[index]
                index += 1
              }
            }
          }
        }
      }
    }
    return maps
  }
}
