// The naive twins of `Rectification` and `ChannelSums`.

package enum NaiveRectification {
  package static func backward(_ gradient: NaiveMaps, output: NaiveMaps) -> NaiveMaps {
    gradient.like { n, c, y, x in output[n, c, y, x] > 0 ? gradient[n, c, y, x] : 0 }
  }

  /// Returns the sums over N, H, W.
  package static func channelSums(_ maps: NaiveMaps) -> [Double] {
    var sums = [Double](repeating: 0, count: maps.channels)
    maps.forEach { n, c, y, x in sums[c] += maps[n, c, y, x] }
    return sums
  }
}
