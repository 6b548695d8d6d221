// The naive twin of `MaxPooling`.

package enum NaiveMaxPooling {
  /// Returns the maximum of each 2x2 window and its row-major place in the window. The first maximum wins.
  package static func pool(_ x: NaiveMaps) -> (maxima: NaiveMaps, places: NaiveMaps) {
    var maxima = NaiveMaps(images: x.images, channels: x.channels, height: x.height / 2, width: x.width / 2)
    var places = maxima
    maxima.like { _, _, _, _ in 0 }.forEach { n, c, y, column in
      let window = (0..<4).map { x[n, c, 2 * y + $0 / 2, 2 * column + $0 % 2] }
      let maximum = window.max()!
      maxima[n, c, y, column] = maximum
      places[n, c, y, column] = Double(window.firstIndex(of: maximum)!)
    }
    return (maxima, places)
  }

  /// Returns large maps with the values of `y` at their places, and zero elsewhere.
  package static func scatter(_ y: NaiveMaps, places: NaiveMaps) -> NaiveMaps {
    var x = NaiveMaps(images: y.images, channels: y.channels, height: y.height * 2, width: y.width * 2)
    y.forEach { n, c, row, column in
      let place = Int(places[n, c, row, column])
      x[n, c, 2 * row + place / 2, 2 * column + place % 2] = y[n, c, row, column]
    }
    return x
  }

  /// Returns small maps with the values of `x` at the places.
  package static func gather(_ x: NaiveMaps, places: NaiveMaps) -> NaiveMaps {
    places.like { n, c, row, column in
      let place = Int(places[n, c, row, column])
      return x[n, c, 2 * row + place / 2, 2 * column + place % 2]
    }
  }
}
