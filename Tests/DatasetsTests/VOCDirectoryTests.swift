// Tests of the reading of a dataset in VOC's folders.
import Compute
import Datasets
import Foundation
import Images
import Support
import Testing

@Suite struct VOCDirectoryTests {
  @Test("The class names are VOC's.")
  func classNamesAreVOCs() {
    #expect(ClassNames.voc.count == 21 && ClassNames.voc[0] == "background")
    #expect(ClassNames.voc[1] == "aeroplane" && ClassNames.voc[15] == "person" && ClassNames.voc[20] == "tvmonitor")
    #expect(Array(ClassNames.voc.dropFirst()) == ClassNames.voc.dropFirst().sorted())
  }

  @Test("A missing root is an error.")
  func missingRootsAreErrors() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    let error = #expect(throws: DatasetError.self) { try VOCDirectory(root: scratch.path) }
    #expect(try #require(error).description.contains("data.root"))
  }

  @Test("Masks come from the augmented folder first.")
  func masksComeFromTheAugmentedFolderFirst() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    try scratch.add("both", mask: [1, 1, 0, 0])
    try scratch.add("both", mask: [2, 2, 0, 0], folder: "SegmentationClass")
    try scratch.add("old", mask: [3, 3, 0, 255], folder: "SegmentationClass")
    try scratch.add("none", mask: nil)
    let voc = try VOCDirectory(root: scratch.path + "/")
    #expect(try voc.load("both").mask?.indices[0] == 1)
    let old = try voc.loadWithMask(ListedImage(id: "old"))
    #expect(old.mask.indices[0] == 3 && old.photograph.width == 6)
    #expect(try voc.load("none").mask == nil)
    #expect(throws: DatasetError.noMask(id: "none", folders: VOCDirectory.maskFolders)) {
      try voc.loadWithMask(ListedImage(id: "none"))
    }
    #expect(
      DatasetError.noMask(id: "none", folders: ["SegmentationClassAug"]).description
        == "no mask for none in SegmentationClassAug: run dnet data prepare, or check data.root")
  }

  @Test("Lists are read under the root.")
  func listsAreReadUnderTheRoot() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    try scratch.add("a", mask: [0, 0, 0, 1])
    try scratch.add("b", mask: nil)
    try scratch.write("a\r\nb\r\n", to: "ImageSets/Segmentation/train_aug.txt")
    try scratch.write("/JPEGImages/a.jpg /SegmentationClassAug/a.png\n", to: "pairs.txt")
    try scratch.write("JPEGImages/b.jpg SegmentationClassAug/b.png\n", to: "badpairs.txt")
    let voc = try VOCDirectory(root: scratch.path)
    #expect(try voc.images(list: "ImageSets/Segmentation/train_aug.txt").map(\.id) == ["a", "b"])
    let pairs = try voc.images(list: scratch.path + "/pairs.txt")
    #expect(try voc.loadWithMask(pairs[0]).mask.indices.last == 1)
    let error = #expect(throws: DatasetError.self) { try voc.images(list: "badpairs.txt") }
    #expect(try #require(error).description.contains("SegmentationClassAug/b.png"))
    #expect(throws: DatasetError.self) { try voc.images(list: "nolist.txt") }
  }

  @Test("The error of a missing photograph names list, line and path.")
  func missingPhotographsNameListLineAndPath() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    try scratch.add("a", mask: nil)
    try scratch.write("a\n\nghost\na\nphantom\n", to: "l.txt")
    let voc = try VOCDirectory(root: scratch.path)
    let expected = DatasetError.missingFile(
      list: scratch.path + "/l.txt", line: 3, path: scratch.path + "/JPEGImages/ghost.jpg", more: 1)
    #expect(throws: expected) { try voc.images(list: "l.txt") }
    #expect(expected.description.contains("line 3") && expected.description.contains("1 more"))
  }

  @Test("A mask of another size is an error.")
  func masksOfAnotherSizeAreErrors() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    try scratch.add("a", mask: [1, 1, 1])
    let voc = try VOCDirectory(root: scratch.path)
    let error = #expect(throws: DatasetError.self) { try voc.load("a") }
    let text = try #require(error).description
    #expect(text.contains("6 x 3") && text.contains("6 x 4") && text.contains("a.png"))
  }

  @Test("An index beyond the classes is an error.")
  func indicesBeyondTheClassesAreErrors() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    try scratch.add("a", mask: [0, 255, 4, 1])
    #expect(try VOCDirectory(root: scratch.path, classes: 4).load("a").mask?.counts[255] == 6)
    let error = #expect(throws: DatasetError.self) { try VOCDirectory(root: scratch.path, classes: 3).load("a") }
    let text = try #require(error).description
    #expect(text.contains("index 4") && text.contains("x 0, y 2") && text.contains("3 classes"))
  }

  @Test("RGB masks and damaged photographs are errors.")
  func colourMasksAndDamagedPhotographsAreErrors() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    try scratch.add("a", mask: nil)
    try scratch.write(PNG.encode(RGBImage(width: 6, height: 4)), to: "SegmentationClassAug/a.png")
    try scratch.add("b", width: 90, height: 90, mask: nil)
    let bytes = try FileBytes.read(scratch.path + "/JPEGImages/b.jpg")
    try scratch.write(Array(bytes.dropLast(20)), to: "JPEGImages/b.jpg")
    let voc = try VOCDirectory(root: scratch.path)
    #expect(throws: ImageError.self) { try voc.load("a") }
    #expect(throws: ImageError.self) { try voc.load("b") }
  }

  @Test(
    "The real VOC loads, with the labels that it should have.", .enabled(if: RealVOC.isPresent, RealVOC.whereMissing))
  func realVOCLoads() throws {
    let root = RealVOC.root
    let voc = try VOCDirectory(root: root)
    // The development data holds part of the photographs; photos_val.txt lists those of the validation set.
    let photographs = Set(try FileManager.default.contentsOfDirectory(atPath: root + "/JPEGImages"))
    func split(_ list: String) throws -> (present: [ListedImage], missing: [ListedImage]) {
      let images = try ImageList.read("\(root)/ImageSets/Segmentation/\(list).txt")
      return (
        images.filter { photographs.contains("\($0.id).jpg") }, images.filter { !photographs.contains("\($0.id).jpg") }
      )
    }
    let images = try voc.images(list: "ImageSets/Segmentation/photos_val.txt")
    #expect(try !images.isEmpty && images.map(\.id) == split("val").present.map(\.id))
    for image in images {
      let (photograph, mask) = try voc.loadWithMask(image)
      #expect(mask.counts[255] > 0 && photograph.width == mask.width)
    }
    let list = "\(root)/ImageSets/Segmentation/train_aug.txt"
    let missing = try split("train_aug").missing
    let first = try #require(missing.first, "all photographs are here: test a missing one in another way")
    let expected = DatasetError.missingFile(
      list: list, line: first.line, path: "\(root)/JPEGImages/\(first.id).jpg", more: missing.count - 1)
    #expect(throws: expected) { try voc.images(list: "ImageSets/Segmentation/train_aug.txt") }
    let ids = try ImageList.read(root + "/ImageSets/Segmentation/train.txt")
    let labels = try voc.imageLabels(ids, workers: WorkerPool(threads: 2))
    // Images per class, counted by Pillow and NumPy. VOC2012 publishes the same numbers except for one more tvmonitor.
    let counts = (0..<20).map { c in labels.count { $0[c] } }
    #expect(counts == [88, 65, 105, 78, 87, 78, 128, 131, 148, 64, 82, 121, 68, 81, 442, 82, 63, 93, 83, 83])
  }
}
