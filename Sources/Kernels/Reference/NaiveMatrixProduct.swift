// The twins of `MatrixProduct` and `Im2Col`.

package enum NaiveMatrixProduct {
  /// A [m][k] times B [k][n], each optionally stored transposed.
  package static func multiply(
    _ a: [Double], _ b: [Double], rows m: Int, columns n: Int, inner k: Int, leftTransposed: Bool, rightTransposed: Bool
  ) -> [Double] {
    var c = [Double](repeating: 0, count: m * n)
    for i in 0..<m {
      for j in 0..<n {
        for l in 0..<k {
          c[i * n + j] += a[leftTransposed ? l * m + i : i * k + l] * b[rightTransposed ? j * k + l : l * n + j]
        }
      }
    }
    return c
  }
}

package enum NaiveUnfolding {
  /// The windows as rows [N (H-K+1) (W-K+1)][C K K].
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

  /// The adjoint, by scattering: every entry of the rows is added to the pixel that it was, or would be, taken from.
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
