// Tests of packs: values equal those of the folder, and damage anywhere is detected and named.
import Compute
import Datasets
import Foundation
import Images
import Support
import Testing

@Suite struct PackTests {
  let workers = WorkerPool(threads: 2)
  static let lists = [
    "ImageSets/Segmentation/train_aug.txt", "ImageSets/Segmentation/val.txt", "ImageSets/Segmentation/trainval.txt",
  ]

  /// A synthetic dataset and its pack.
  func packed(_ scratch: Scratch, images: Int = 9, lists: [String] = lists, crops: [UInt8] = [1, 2, 3]) throws
    -> (directory: VOCDirectory, path: String)
  {
    try SyntheticSet.write(
      to: scratch.path + "/set", images: images, classes: 4, seed: 2, size: 40...50, workers: workers)
    let directory = try VOCDirectory(root: scratch.path + "/set", classes: 4)
    let path = scratch.path + "/set.pack"
    let summary = try PackWriter.write(to: path, directory, lists: lists, crops: crops, workers: workers)
    let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
    #expect(summary.items == images && summary.masks == images && summary.bytes == size)
    return (directory, path)
  }

  @Test("A pack returns the same values as its folder.")
  func aPackGivesWhatTheFolderGives() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    let (directory, path) = try packed(scratch)
    let pack = try PackedSet(path)
    #expect(pack.classNames == directory.classNames && pack.itemCount == 9 && pack.listNames == Self.lists)
    for list in Self.lists + ["/" + Self.lists[1]] {
      let (there, here) = (try directory.images(list: list), try pack.images(list: list))
      #expect(there.map(\.id) == here.map(\.id) && !here.isEmpty)
      #expect(try directory.imageLabels(there, workers: workers) == pack.imageLabels(here, workers: workers))
      for (a, b) in zip(there, here) {
        #expect(
          directory.names(of: a).photograph == pack.names(of: b).photograph
            && directory.names(of: a).mask == pack.names(of: b).mask)
        let (one, other) = (try directory.loadWithMask(a), try pack.loadWithMask(b))
        #expect(one.photograph == other.photograph && one.mask == other.mask)
        #expect(try pack.photograph(b) == one.photograph && pack.loadMask(b) == one.mask)
      }
    }
    #expect(try pack.cropBytes() == [1, 2, 3])
    try pack.verify(workers: workers)
    // The pack holds the bytes of the mask and photograph files.
    let first = try FileBytes.read(directory.photographPath(directory.images(list: Self.lists[0])[0]))
    #expect(try pack.photographBytes(of: 0) == first)
    // One thread writes the same bytes.
    let again = scratch.path + "/again.pack"
    _ = try PackWriter.write(
      to: again, directory, lists: Self.lists, crops: [1, 2, 3], workers: WorkerPool(threads: 1))
    #expect(try FileBytes.read(again) == FileBytes.read(path))
  }

  /// Without a mask the labels come from ImageSets/Main, as in the folder. A photograph may be in several lists.
  @Test("Images without masks are packed with their labels.")
  func imagesWithoutMasks() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    try scratch.add("a", mask: nil)
    try scratch.add("b", mask: [0, 2, 255, 1])
    try scratch.write("a 1\n", to: "ImageSets/Main/bicycle_train.txt")
    try scratch.write("a\nb\na\n", to: "list.txt")
    let directory = try VOCDirectory(root: scratch.path, classes: 3)
    let path = scratch.path + "/p.pack"
    _ = try PackWriter.write(to: path, directory, lists: ["list.txt"], workers: workers)
    let pack = try PackedSet(path, classes: 3)
    let images = try pack.images(list: "list.txt")
    #expect(images.map(\.id) == ["a", "b", "a"] && pack.itemCount == 2)
    #expect(
      try pack.imageLabels(images, workers: workers) == [
        [false, true, false], [true, true, false], [false, true, false],
      ])
    #expect(throws: PackError.noMask(pack: path, id: "a")) { try pack.loadMask(images[0]) }
    #expect(try pack.cropBytes() == nil)
    try pack.verify(workers: workers)
    // Fewer classes than the masks show, more than were packed, missing lists and missing images.
    let narrow = try PackedSet(path, classes: 1)
    #expect(throws: PackError.classTooHigh(pack: path, id: "a", label: 2, classes: 1)) {
      try narrow.imageLabels(images, workers: workers)
    }
    #expect(throws: DatasetError.self) { try narrow.loadMask(images[1]) }
    #expect(throws: PackError.fewerClasses(pack: path, packed: 3, asked: 4)) { try PackedSet(path, classes: 4) }
    #expect(throws: PackError.noList(pack: path, list: "val.txt", available: ["list.txt"])) {
      try pack.images(list: "val.txt")
    }
    #expect(throws: PackError.noImage(pack: path, id: "c")) { try pack.photograph(ListedImage(id: "c")) }
  }

  /// In the index when the pack is opened, in an image when it is read.
  @Test("A flipped bit anywhere in a pack is detected.")
  func everyFlippedBitIsNoticed() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    let (_, path) = try packed(scratch, images: 3, lists: [Self.lists[2]], crops: Array(repeating: 7, count: 40))
    let bytes = try FileBytes.read(path)
    let entriesAt = bytes[48..<56].reversed().reduce(0) { $0 << 8 | Int($1) }
    let cropsAt = bytes[88..<96].reversed().reduce(0) { $0 << 8 | Int($1) }
    #expect(cropsAt + 40 == bytes.count)
    for place in Array(stride(from: 0, to: bytes.count, by: 97)) + Array(0..<256) + Array(entriesAt..<entriesAt + 80)
      + Array(cropsAt - 3..<bytes.count)
    {
      var changed = bytes
      changed[place] ^= 16
      let other = scratch.path + "/flipped.pack"
      try FileBytes.write(changed, to: other)
      let error = #expect(throws: PackError.self, "byte \(place)") { try PackedSet(other).verify(workers: workers) }
      switch error {
      case .damagedItem(_, let item, let id, let what):
        #expect((256..<entriesAt).contains(place) && (1...3).contains(item) && id.hasPrefix("drawn_"))
        #expect(["photograph", "mask"].contains(what) && "\(error!)".contains("copy the pack again"))
      case .damagedCrops: #expect(place >= cropsAt)
      default: #expect(place < 256 || (entriesAt..<cropsAt).contains(place), "byte \(place): \(error!)")
      }
    }
    // With two damaged items, the error has their number and the first.
    var changed = bytes
    for place in [300, entriesAt - 5] { changed[place] ^= 1 }
    try FileBytes.write(changed, to: scratch.path + "/two.pack")
    let error = #expect(throws: PackError.self) { try PackedSet(scratch.path + "/two.pack").verify(workers: workers) }
    #expect("\(error!)".contains("2 of 3 items") && "\(error!)".contains("item 1 (drawn_000000)"))
  }

  @Test("An inconsistent index with a valid digest is refused.")
  func indexesThatContradictThemselves() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    let (_, path) = try packed(scratch, images: 3, lists: [Self.lists[2]])
    let bytes = try FileBytes.read(path)
    func number(_ place: Int) -> Int { bytes[place..<place + 8].reversed().reduce(0) { $0 << 8 | Int($1) } }
    let (entries, strings, lists, crops) = (number(48), number(56), number(72), number(88))
    #expect(strings == entries + 240 && crops == lists + 12 + 4 * 3)
    // The place, width and new value of a number, and the expected words.
    let changes: [(place: Int, width: Int, value: Int, words: String)] = [
      (32, 8, 0, "0 classes"), (32, 8, 64, "64 classes"), (32, 8, 5, "5 classes and the background, but 5 names"),
      (116, 4, 1 << 31, "class names"), (40, 8, 2, "list 2 is missing"), (40, 8, 0, "bytes follow"),
      (40, 8, 1 << 40, "list 2 is missing"),
      (entries + 80 + 8, 8, 1 << 62, "images of item 2"), (entries, 8, 0, "images of item 1"),
      (entries + 16, 4, 0xFFFF_FFFF, "images of item 1"),
      (entries + 160 + 48, 4, 0xFFFF_FFFF, "paths of item 3"), (entries + 60, 4, 1 << 20, "paths of item 1"),
      (entries + 52, 4, 0, "paths of item 1"),
      (lists, 4, 1 << 30, "list 1 lies outside"), (lists + 8, 4, 4, "list 1 lies outside"),
      (lists + 8, 4, 0xFFFF_FFFF, "list 1 lies outside"),
      (lists + 8, 4, 2, "4 bytes follow"), (lists + 16, 4, 3, "names item 4 of 3"),
    ]
    for (place, width, value, words) in changes {
      var changed = bytes
      for i in 0..<width { changed[place + i] = UInt8(truncatingIfNeeded: value >> (8 * i)) }
      let digest = SHA256()
      changed[..<224].withUnsafeBytes { digest.update($0) }
      changed[entries..<crops].withUnsafeBytes { digest.update($0) }
      changed.replaceSubrange(224..<256, with: digest.bytes())
      try FileBytes.write(changed, to: scratch.path + "/other.pack")
      let error = #expect(throws: PackError.self, "\(words)") { try PackedSet(scratch.path + "/other.pack") }
      #expect("\(error.map { "\($0)" } ?? "")".contains(words), "\(place): \(error.map { "\($0)" } ?? "nothing")")
      guard case .contradiction = error else { Issue.record("\(place): another error"); continue }
    }
  }

  @Test("Truncated packs, other files and other versions are refused.")
  func packsThatAreNotWhole() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    let (_, path) = try packed(scratch, images: 3)
    let bytes = try FileBytes.read(path)
    for length in [0, 5, 8, 100, 256, 300, bytes.count / 2, bytes.count - 1] {
      try FileBytes.write(bytes.prefix(length), to: scratch.path + "/cut.pack")
      let error = #expect(throws: PackError.self) { try PackedSet(scratch.path + "/cut.pack") }
      #expect("\(error!)".contains(length < 8 ? "is not a pack" : "cut short"), "\(length): \(error!)")
    }
    try FileBytes.write(Array("GIF89a and so on".utf8), to: scratch.path + "/gif.pack")
    let gif = #expect(throws: PackError.self) { try PackedSet(scratch.path + "/gif.pack") }
    #expect(try #require(gif).description.contains("is not a pack"))
    var newer = bytes
    newer[8] = 2
    try FileBytes.write(newer, to: scratch.path + "/newer.pack")
    #expect(throws: PackError.otherVersion(pack: scratch.path + "/newer.pack", version: 2)) {
      try PackedSet(scratch.path + "/newer.pack")
    }
    #expect(throws: PackError.self) { try PackedSet(scratch.path + "/none.pack") }
    #expect(throws: PackError.self) { try PackedSet(scratch.path) }
  }

  @Test("Damaged images are not packed.")
  func damagedImagesAreNotPacked() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    try scratch.add("a", mask: [0, 1, 2, 255])
    try scratch.add("b", mask: [0, 1])
    try scratch.add("c", mask: [0, 1, 2, 9])
    for id in ["a", "b", "c"] { try scratch.write("\(id)\n", to: "\(id).txt") }
    let directory = try VOCDirectory(root: scratch.path, classes: 3)
    let path = scratch.path + "/p.pack"
    func pack(_ list: String) throws { _ = try PackWriter.write(to: path, directory, lists: [list], workers: workers) }
    #expect(throws: DatasetError.self) { try pack("b.txt") }
    #expect(throws: DatasetError.self) { try pack("c.txt") }
    let bytes = try FileBytes.read(scratch.path + "/JPEGImages/a.jpg")
    try scratch.write(Array(bytes.prefix(bytes.count * 3 / 4)), to: "JPEGImages/a.jpg")
    #expect(throws: ImageError.self) { try pack("a.txt") }
    #expect(throws: PackError.nothingToPack) { try PackWriter.write(to: path, directory, lists: [], workers: workers) }
    // Partial files are removed.
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path).filter { $0.contains("pack") } == [])
  }

  @Test("A full disk is an error and leaves no file.", .enabled(if: SmallDisk.canBeMounted, SmallDisk.needed))
  func aFullDiskLeavesNothing() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    let small = scratch.path + "/small"
    try FileManager.default.createDirectory(atPath: small, withIntermediateDirectories: true)
    try #require(mount("tmpfs", small, "tmpfs", 0, "size=16k") == 0)
    defer { umount2(small, 2) }
    let (directory, _) = try packed(scratch)
    let error = #expect(throws: FileError.self) {
      try PackWriter.write(to: small + "/set.pack", directory, lists: Self.lists, workers: workers)
    }
    #expect("\(error!)".contains("No space left") && "\(error!)".contains("set.pack"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: small).isEmpty)
  }
}
