// A parser for durations such as `3h50m`, as batch systems and users write them.

package enum Duration {
  /// Returns the seconds of `90`, `90s`, `45m`, `3h50m` or `1d2h`; nil for text of another form.
  package static func seconds(of text: String) -> Double? {
    if let plain = Double(text) { return plain > 0 && plain.isFinite ? plain : nil }
    var total = 0.0
    var digits = ""
    for character in text {
      if character.isASCII, character.isNumber || character == "." {
        digits.append(character)
        continue
      }
      let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600, "d": 86400]
      guard let unit = units[character], let value = Double(digits) else { return nil }
      total += value * unit
      digits = ""
    }
    return digits.isEmpty && total > 0 ? total : nil
  }
}
