// The 4x4 tiles of a shard's maps, and their transforms into and out of the Winograd domain.
//
// All images of a shard form one list of tiles, row after row and image after image. Small maps then fill the same
// blocks as large ones, and each block of tiles reads the weights once.

/// The tiles of N blocked maps of H x W pixels, numbered across all images.
struct WinogradTiles: Sendable {
  let images: Int
  let height: Int
  let width: Int
  let rows: Int
  let columns: Int

  init(images: Int, height: Int, width: Int) {
    self.images = images
    self.height = height
    self.width = width
    rows = (height + Winograd.outputs - 1) / Winograd.outputs
    columns = (width + Winograd.outputs - 1) / Winograd.outputs
  }

  var count: Int { images * rows * columns }

  /// The position of a tile: its image and the first of its output pixels.
  struct Place {
    var image: Int
    var y: Int
    var x: Int
  }

  @inline(__always)
  func place(_ tile: Int) -> Place {
    let (image, inside) = (tile / (rows * columns), tile % (rows * columns))
    return Place(image: image, y: inside / columns * Winograd.outputs, x: inside % columns * Winograd.outputs)
  }

  @inline(__always)
  func advance(_ place: inout Place) {
    place.x += Winograd.outputs
    if place.x >= width {
      place.x = 0
      place.y += Winograd.outputs
      if place.y >= height {
        place.y = 0
        place.image += 1
      }
    }
  }

  /// Writes V = B' d B of one tile to `factors`: 36 vectors, `plane` floats apart.
  ///
  /// `map` is one channel block of one image; pixels outside of it count as 0. `patch` is scratch for 36 vectors.
  @inline(__always)
  func transformInput(
    _ map: UnsafePointer<Float>, _ place: Place, into factors: UnsafeMutablePointer<Float>, plane: Int,
    patch: UnsafeMutablePointer<Float>
  ) {
    let (top, left) = (place.y - 1, place.x - 1)
    if top >= 0, left >= 0, top + 6 <= height, left + 6 <= width {
      let source = map + (top * width + left) * 16
      for row in 0..<6 {
        patch.setSix(Winograd.input(source.six(at: row * width * 16, step: 16)), at: row * 96, step: 16)
      }
    } else {
      for row in 0..<6 {
        let y = top + row
        if y < 0 || y >= height {
          patch.setSix((.zero, .zero, .zero, .zero, .zero, .zero), at: row * 96, step: 16)
          continue
        }
        for column in 0..<6 {
          let x = left + column
          patch.setLanes(
            x < 0 || x >= width ? .zero : map.lanes(at: (y * width + x) * 16), at: (row * 6 + column) * 16)
        }
        patch.setSix(Winograd.input(patch.six(at: row * 96, step: 16)), at: row * 96, step: 16)
      }
    }
    for column in 0..<6 {
      let six = Winograd.input(patch.six(at: column * 16, step: 96))
      factors.setSix(six, at: column * plane, step: 6 * plane)
    }
  }

  /// Writes A dY A' of one tile of output gradients, as `transformInput` does.
  @inline(__always)
  func transformOutputGradient(
    _ map: UnsafePointer<Float>, _ place: Place, into factors: UnsafeMutablePointer<Float>, plane: Int,
    patch: UnsafeMutablePointer<Float>
  ) {
    if place.y + 4 <= height, place.x + 4 <= width {
      let source = map + (place.y * width + place.x) * 16
      for row in 0..<4 {
        patch.setSix(Winograd.outputGradient(source.four(at: row * width * 16, step: 16)), at: row * 96, step: 16)
      }
    } else {
      for row in 0..<4 {
        for column in 0..<4 {
          let (y, x) = (place.y + row, place.x + column)
          patch.setLanes(
            y >= height || x >= width ? .zero : map.lanes(at: (y * width + x) * 16), at: (row * 6 + column) * 16)
        }
        patch.setSix(Winograd.outputGradient(patch.four(at: row * 96, step: 16)), at: row * 96, step: 16)
      }
    }
    for column in 0..<6 {
      let six = Winograd.outputGradient(patch.four(at: column * 16, step: 96))
      factors.setSix(six, at: column * plane, step: 6 * plane)
    }
  }

  /// Writes A' M A of one tile, plus bias and rectified if asked, to the pixels that it covers in one channel block.
  @inline(__always)
  func transformOutput(
    _ products: UnsafePointer<Float>, plane: Int, bias: Lanes, rectified: Bool,
    into map: UnsafeMutablePointer<Float>, _ place: Place, patch: UnsafeMutablePointer<Float>
  ) {
    for column in 0..<6 {
      let four = Winograd.output(products.six(at: column * plane, step: 6 * plane))
      patch.setLanes(four.0, at: column * 16)
      patch.setLanes(four.1, at: column * 16 + 96)
      patch.setLanes(four.2, at: column * 16 + 192)
      patch.setLanes(four.3, at: column * 16 + 288)
    }
    let (inRow, inColumn) = (min(4, height - place.y), min(4, width - place.x))
    for row in 0..<inRow {
      var four = Winograd.output(patch.six(at: row * 96, step: 16))
      four = (four.0 + bias, four.1 + bias, four.2 + bias, four.3 + bias)
      if rectified {
        // A comparison with NaN is false, so NaN is kept and shows in the loss.
        four.0.replace(with: 0, where: four.0 .< 0)
        four.1.replace(with: 0, where: four.1 .< 0)
        four.2.replace(with: 0, where: four.2 .< 0)
        four.3.replace(with: 0, where: four.3 .< 0)
      }
      let target = map + ((place.y + row) * width + place.x) * 16
      target.setLanes(four.0, at: 0)
      if inColumn > 1 { target.setLanes(four.1, at: 16) }
      if inColumn > 2 { target.setLanes(four.2, at: 32) }
      if inColumn > 3 { target.setLanes(four.3, at: 48) }
    }
  }
}
