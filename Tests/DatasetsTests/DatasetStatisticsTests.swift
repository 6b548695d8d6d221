// Tests of the counts of `dnet data stats`.
import Compute
import Datasets
import Testing

@Suite struct DatasetStatisticsTests {
  @Test("The statistics of a small dataset equal counts by hand.", arguments: [1, 3]) func countsOfASmallSet(
    threads: Int
  ) throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    try scratch.add("a", mask: [0, 1, 1, 255])
    try scratch.add("b", mask: [1, 2, 3, 3])
    try scratch.add("c", mask: [0, 0, 0, 0])
    try scratch.add("d", mask: [1, 0, 0, 0])
    try scratch.add("bare", mask: nil)
    try scratch.write("bare bird aeroplane\n", to: "ImageSets/image_labels.txt")
    let voc = try VOCDirectory(root: scratch.path, classes: 3)
    let images = ["a", "b", "c", "d", "bare"].map { ListedImage(id: $0) }
    var done = 0
    let s = try voc.statistics(images, workers: WorkerPool(threads: threads)) { done = $0 }
    #expect(done == 5 && s.images == 5 && s.masks == 4)
    #expect(s.imagesPerClass == [4, 1, 2] && s.pixelsPerClass == [6 * 8, 6 * 4, 6, 12] && s.ignoredPixels == 6)
    #expect(s.labelsPerImage == [1, 2, 1, 1] && s.combinations == 1 + 7 + 0 + 1 + 3)
    #expect(s.labelSets.map(\.images) == [2, 1, 1, 1] && s.labelSets[0].labels == ["aeroplane"])
  }

  @Test("Damaged masks and missing labels are errors.")
  func damagedMasksAreErrors() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    try scratch.add("a", mask: [0, 1, 1, 9])
    let voc = try VOCDirectory(root: scratch.path, classes: 3)
    #expect(throws: DatasetError.self) { try voc.statistics([ListedImage(id: "a")], workers: WorkerPool(threads: 1)) }
    #expect(throws: DatasetError.noLabels(id: "b")) {
      try voc.statistics([ListedImage(id: "b")], workers: WorkerPool(threads: 1))
    }
  }

  @Test(
    "The statistics of the real VOC are those in the literature.", .enabled(if: RealVOC.isPresent, RealVOC.whereMissing)
  )
  func realVOCHasTheKnownNumbers() throws {
    let voc = try VOCDirectory(root: RealVOC.root)
    let workers = WorkerPool(threads: 2)
    func statistics(_ list: String) throws -> DatasetStatistics {
      try voc.statistics(ImageList.read(voc.listPath("ImageSets/Segmentation/\(list).txt")), workers: workers)
    }
    let train = try statistics("train_aug")
    #expect(train.images == 10_582 && train.masks == 10_582 && train.combinations == 23_798)
    #expect(
      train.imagesPerClass == [
        586, 486, 698, 461, 654, 385, 1086, 1000, 1081, 264, 528, 1177, 444, 482, 3898, 487, 299, 491, 500, 548,
      ])
    #expect(train.labelsPerImage.reduce(0, +) == 10_582 && train.labelSets.map(\.images).reduce(0, +) == 10_582)
    let validation = try statistics("val")
    #expect(validation.images == 1_449 && validation.combinations == 3_341)
    #expect(
      validation.imagesPerClass == [
        90, 79, 103, 72, 96, 74, 127, 119, 123, 71, 75, 128, 79, 76, 446, 85, 57, 90, 84, 74,
      ])
  }
}
