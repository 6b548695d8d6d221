// The consistency check of a pack's index. The SHA-256 only proves that nothing has changed since the index was
// written, perhaps by another program. After this check every offset and number in it can be used without further
// checks.

enum PackIndex {
  /// Returns a description of the first contradiction, or nil where the index is consistent.
  ///
  /// - Parameters:
  ///   - index: entries, strings and lists.
  ///   - dataEnd: the offset in the file at which the data ends and the index begins.
  ///   - classNames: their range in the strings.
  static func fault(
    _ index: UnsafeRawBufferPointer, items: Int, stringsBytes: Int, lists: Int, classes: Int, classNames: Range<Int>,
    dataEnd: Int
  ) -> String? {
    let strings = items * PackFormat.entryBytes
    guard (1...63).contains(classes) else { return "it has \(classes) classes" }
    guard classNames.upperBound <= stringsBytes else { return "its class names lie outside" }
    let names = index[strings + classNames.lowerBound..<strings + classNames.upperBound].split(
      separator: UInt8(ascii: "\n")
    ).count
    guard names == classes + 1 else { return "it has \(classes) classes and the background, but \(names) names" }
    for item in 0..<items {
      let entry = PackEntry(index, at: item * PackFormat.entryBytes)
      guard !entry.photographName.isEmpty,
        max(entry.photographName.upperBound, entry.maskName.upperBound) <= stringsBytes
      else {
        return "the paths of item \(item + 1) lie outside"
      }
      for (start, count) in [(entry.photographAt, entry.photographBytes), (entry.maskAt, entry.maskBytes)]
      where count > 0 {
        guard start >= PackFormat.headerBytes, count <= dataEnd, start <= dataEnd - count else {
          return "the images of item \(item + 1) lie outside"
        }
      }
    }
    var place = strings + stringsBytes
    for list in 0..<lists {
      guard index.count - place >= 12 else { return "list \(list + 1) is missing" }
      let (name, count) = (index.half(place) + index.half(place + 4), index.half(place + 8))
      place += 12
      guard name <= stringsBytes, count <= (index.count - place) / 4 else { return "list \(list + 1) lies outside" }
      for position in 0..<count where index.half(place + 4 * position) >= items {
        return "list \(list + 1) names item \(index.half(place + 4 * position) + 1) of \(items)"
      }
      place += 4 * count
    }
    return place == index.count ? nil : "\(index.count - place) bytes follow the last list"
  }
}
