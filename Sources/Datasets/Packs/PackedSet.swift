// A dataset in one file (a pack). Opening takes milliseconds, because nothing is parsed; the checksum of every image is
// verified when it is read.
//
// The index is mapped into memory, but images are read by pread, so that a failing disk causes an error and not a
// signal.
import Compute
import Foundation
import Images
import Support

/// `@unchecked Sendable`: nothing changes after initialization.
package final class PackedSet: ImageStore, @unchecked Sendable {
  package let path: String
  package let classNames: [String]
  /// The names of the lists in the pack.
  package let listNames: [String]
  package let itemCount: Int
  private let descriptor: Int32
  private let index: UnsafeRawBufferPointer
  private let mapping: UnsafeMutableRawPointer
  private let mappedBytes: Int
  /// The range of the strings, relative to the index.
  private let strings: Range<Int>
  private let lists: [String: (start: Int, count: Int)]
  private let crops: (at: Int, bytes: Int, word: UInt64)
  /// The item number of each photograph path.
  private let items: [String: Int]

  /// Opens the pack and checks its index. Throws `PackError`.
  ///
  /// - Parameter classes: K of the network, or nil for that of the pack.
  package init(_ path: String, classes: Int? = nil) throws(PackError) {
    self.path = path
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .unreadable(pack: path, reason: String(cString: strerror(errno))) }
    var kept = false
    defer { if !kept { close(descriptor) } }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw .unreadable(pack: path, reason: String(cString: strerror(errno)))
    }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .unreadable(pack: path, reason: "not a file") }
    let size = Int(status.st_size)

    var header = [UInt8](repeating: 0, count: PackFormat.headerBytes)
    let got = pread(descriptor, &header, header.count, 0)
    guard got >= 8, Array(header[..<8]) == PackFormat.magic else {
      let start = header.prefix(max(min(got, 8), 0)).map { String($0, radix: 16) }.joined(separator: " ")
      throw .notAPack(pack: path, start: start.isEmpty ? "nothing: it is empty" : start)
    }
    typealias Place = PackFormat.Header
    let numbers = header.withUnsafeBytes { bytes in
      (
        version: bytes.half(Place.version), entryBytes: bytes.half(Place.entryBytes),
        items: Int(clamping: bytes.word(Place.items)),
        fileBytes: Int(clamping: bytes.word(Place.fileBytes)), classes: Int(clamping: bytes.word(Place.classes)),
        lists: Int(clamping: bytes.word(Place.lists)), entriesAt: Int(clamping: bytes.word(Place.entriesAt)),
        stringsBytes: Int(clamping: bytes.word(Place.stringsBytes)),
        listsBytes: Int(clamping: bytes.word(Place.listsBytes)),
        cropsAt: Int(clamping: bytes.word(Place.cropsAt)), cropsBytes: Int(clamping: bytes.word(Place.cropsBytes)),
        cropsWord: bytes.word(Place.cropsWord),
        classNames: bytes.half(Place.classNamesAt)..<bytes.half(Place.classNamesAt) + bytes.half(Place.classNamesBytes)
      )
    }
    guard got < PackFormat.headerBytes || numbers.version == PackFormat.version else {
      throw .otherVersion(pack: path, version: numbers.version)
    }
    guard got == PackFormat.headerBytes, size >= numbers.fileBytes else {
      throw .cutShort(pack: path, bytes: size, expected: max(numbers.fileBytes, PackFormat.headerBytes))
    }
    // Sums in floating point cannot overflow, whatever a damaged header contains.
    let indexBytes = Double(numbers.items) * 80 + Double(numbers.stringsBytes) + Double(numbers.listsBytes)
    guard numbers.entryBytes == PackFormat.entryBytes, numbers.entriesAt >= PackFormat.headerBytes,
      indexBytes == Double(numbers.cropsAt - min(numbers.entriesAt, numbers.cropsAt)), indexBytes > 0,
      numbers.cropsAt <= size, numbers.cropsBytes <= size - numbers.cropsAt
    else { throw .damagedIndex(pack: path) }

    // A mapping must begin at a page boundary.
    let first = numbers.entriesAt & ~0xFFFF
    mappedBytes = numbers.cropsAt - first
    guard let mapping = mmap(nil, mappedBytes, PROT_READ, MAP_PRIVATE, descriptor, off_t(first)), mapping != MAP_FAILED
    else { throw .unreadable(pack: path, reason: String(cString: strerror(errno))) }
    defer { if !kept { munmap(mapping, numbers.cropsAt - first) } }
    let index = UnsafeRawBufferPointer(
      start: mapping + (numbers.entriesAt - first), count: numbers.cropsAt - numbers.entriesAt)
    let digest = SHA256()
    header[..<PackFormat.digestOffset].withUnsafeBytes { digest.update($0) }
    digest.update(index)
    guard digest.bytes() == Array(header[PackFormat.digestOffset...]) else { throw .damagedIndex(pack: path) }
    if let what = PackIndex.fault(
      index, items: numbers.items, stringsBytes: numbers.stringsBytes, lists: numbers.lists, classes: numbers.classes,
      classNames: numbers.classNames, dataEnd: numbers.entriesAt)
    {
      throw .contradiction(pack: path, what: what)
    }

    let strings = numbers.items * PackFormat.entryBytes..<numbers.items * PackFormat.entryBytes + numbers.stringsBytes
    func text(_ range: Range<Int>) -> String {
      String(
        decoding: index[strings.lowerBound + range.lowerBound..<strings.lowerBound + range.upperBound], as: UTF8.self)
    }
    var lists: [String: (start: Int, count: Int)] = [:]
    var listNames: [String] = []
    var place = strings.upperBound
    for _ in 0..<numbers.lists {
      let name = text(index.half(place)..<index.half(place) + index.half(place + 4))
      lists[name] = (place + 12, index.half(place + 8))
      listNames.append(name)
      place += 12 + 4 * index.half(place + 8)
    }
    let names = text(numbers.classNames).split(separator: "\n").map(String.init)
    if let classes, classes > numbers.classes {
      throw .fewerClasses(pack: path, packed: numbers.classes, asked: classes)
    }
    classNames = Array(names[0...(classes ?? numbers.classes)])
    var items: [String: Int] = [:]
    items.reserveCapacity(numbers.items)
    for item in 0..<numbers.items {
      items[text(PackEntry(index, at: item * PackFormat.entryBytes).photographName)] = item
    }
    self.descriptor = descriptor
    self.index = index
    self.mapping = mapping
    self.strings = strings
    self.lists = lists
    self.listNames = listNames
    self.items = items
    itemCount = numbers.items
    crops = (numbers.cropsAt, numbers.cropsBytes, numbers.cropsWord)
    kept = true
  }

  deinit {
    munmap(mapping, mappedBytes)
    close(descriptor)
  }

  // MARK: The index

  /// The number of items that have a mask.
  package var maskCount: Int { (0..<itemCount).count { entry($0).maskBytes > 0 } }

  private func entry(_ item: Int) -> PackEntry { PackEntry(index, at: item * PackFormat.entryBytes) }

  private func text(_ range: Range<Int>) -> String {
    let start = strings.lowerBound
    return String(decoding: index[start + range.lowerBound..<start + range.upperBound], as: UTF8.self)
  }

  private func listed(_ item: Int, line: Int) -> ListedImage {
    let entry = entry(item)
    let photograph = text(entry.photographName)
    return ListedImage(
      id: ListedImage.id(ofPath: photograph), photograph: photograph,
      mask: entry.maskBytes > 0 ? text(entry.maskName) : nil, line: line)
  }

  /// Returns the images of a list. A leading slash in its name does not matter.
  package func images(list: String) throws -> [ListedImage] {
    guard
      let (start, count) = lists[list] ?? lists["/" + list]
        ?? (list.hasPrefix("/") ? lists[String(list.dropFirst())] : nil)
    else { throw PackError.noList(pack: path, list: list, available: listNames) }
    return (0..<count).map { listed(index.half(start + 4 * $0), line: $0 + 1) }
  }

  private func item(of image: ListedImage) throws(PackError) -> Int {
    guard let photograph = image.photograph, let item = items[photograph] else {
      throw .noImage(pack: path, id: image.id)
    }
    return item
  }

  package func imageLabels(_ images: [ListedImage], workers: WorkerPool) throws -> [LabelVector] {
    try images.map { image in
      let labels = entry(try item(of: image)).labels
      guard labels & PackEntry.labelsKnown != 0 else { throw PackError.noLabels(pack: path, id: image.id) }
      let classes = labels & ~PackEntry.labelsKnown
      guard classes >> UInt64(self.classes) == 0 else {
        throw PackError.classTooHigh(
          pack: path, id: image.id, label: 64 - classes.leadingZeroBitCount, classes: self.classes)
      }
      return (0..<self.classes).map { classes >> UInt64($0) & 1 == 1 }
    }
  }

  package func names(of image: ListedImage) -> (photograph: String, mask: String?) {
    (image.photograph ?? image.id, image.mask)
  }

  // MARK: Images

  package func photograph(_ image: ListedImage) throws -> RGBImage {
    try Photograph.decode(
      try photographBytes(of: try item(of: image)), file: "\(path): \(image.photograph ?? image.id)")
  }

  package func loadMask(_ image: ListedImage) throws -> IndexImage {
    guard let bytes = try maskBytes(of: try item(of: image)) else {
      throw PackError.noMask(pack: path, id: image.id)
    }
    let name = "\(path): \(image.mask ?? image.id)"
    let mask = try PNG.decodeIndices(bytes, file: name)
    try requireClasses(of: mask, name: name)
    return mask
  }

  package func loadWithMask(_ image: ListedImage) throws -> (photograph: RGBImage, mask: IndexImage) {
    (try photograph(image), try loadMask(image))
  }

  /// Returns the file of an item's photograph after verifying its checksum.
  package func photographBytes(of item: Int) throws(PackError) -> [UInt8] {
    let entry = entry(item)
    return try read(
      entry.photographAt, entry.photographBytes, checksum: entry.photographWord, item: item, what: "photograph")
  }

  /// Returns the file of an item's mask after verifying its checksum, or nil where it has none.
  package func maskBytes(of item: Int) throws(PackError) -> [UInt8]? {
    let entry = entry(item)
    guard entry.maskBytes > 0 else { return nil }
    return try read(entry.maskAt, entry.maskBytes, checksum: entry.maskWord, item: item, what: "mask")
  }

  private func read(
    _ start: Int, _ count: Int, checksum word: UInt64, item: Int, what: String
  ) throws(PackError) -> [UInt8] {
    let (bytes, failure) = readBytes(start, count)
    if failure != 0 { throw .unreadable(pack: path, reason: String(cString: strerror(failure))) }
    guard bytes.count == count, SHA256.word(of: bytes) == word else {
      throw .damagedItem(pack: path, item: item + 1, id: listed(item, line: 0).id, what: what)
    }
    return bytes
  }

  private func readBytes(_ start: Int, _ count: Int) -> ([UInt8], Int32) {
    var failure: Int32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, done in
      done = 0
      while done < count {
        let got = pread(descriptor, buffer.baseAddress! + done, count - done, off_t(start + done))
        if got < 0 && errno == EINTR { continue }
        if got < 0 { failure = errno }
        if got <= 0 { break }
        done += got
      }
    }
    return (bytes, failure)
  }

  // MARK: Crops and checks

  /// Returns the packed crop list after verifying its checksum, or nil where there is none.
  package func cropBytes() throws(PackError) -> [UInt8]? {
    guard crops.bytes > 0 else { return nil }
    let (bytes, failure) = readBytes(crops.at, crops.bytes)
    if failure != 0 { throw .unreadable(pack: path, reason: String(cString: strerror(failure))) }
    guard bytes.count == crops.bytes, SHA256.word(of: bytes) == crops.word else {
      throw .damagedCrops(pack: path)
    }
    return bytes
  }

  /// Verifies the checksums of all items and of the crops. Throws the only error, or `damagedItems` for several.
  package func verify(workers: WorkerPool, progress: (_ done: Int, _ all: Int) -> Void = { _, _ in }) throws(PackError)
  {
    var failures: [PackError] = []
    for start in stride(from: 0, to: itemCount, by: 256) {
      let end = min(start + 256, itemCount)
      var results = [PackError?](repeating: nil, count: end - start)
      results.withUnsafeMutableBufferPointer { results in
        workers.run(end - start) { task, _ in
          do throws(PackError) {
            _ = try photographBytes(of: start + task)
            _ = try maskBytes(of: start + task)
          } catch { results[task] = error }
        }
      }
      failures += results.compactMap { $0 }
      progress(end, itemCount)
    }
    _ = try cropBytes()
    guard let first = failures.first else { return }
    if failures.count == 1 { throw first }
    throw .damagedItems(pack: path, damaged: failures.count, of: itemCount, first: "\(first)")
  }
}
