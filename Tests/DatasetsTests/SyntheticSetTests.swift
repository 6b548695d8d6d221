// Tests of the synthetic dataset.
import Compute
import Datasets
import Foundation
import Images
import Randomness
import Support
import Testing

@Suite struct SyntheticSetTests {
  /// FNV-1a of the names and bytes of all files, in name order.
  static func digest(_ root: String) throws -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    let names = try FileManager.default.subpathsOfDirectory(atPath: root).sorted()
    for name in names {
      var isFolder: ObjCBool = false
      _ = FileManager.default.fileExists(atPath: "\(root)/\(name)", isDirectory: &isFolder)
      if isFolder.boolValue { continue }
      for byte in try Array(name.utf8) + FileBytes.read("\(root)/\(name)") {
        hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
      }
    }
    return hash
  }

  static func write(_ images: Int, classes: Int, seed: UInt64, threads: Int) throws -> Scratch {
    let scratch = try Scratch()
    try SyntheticSet.write(
      to: scratch.path, images: images, classes: classes, seed: seed, workers: WorkerPool(threads: threads))
    return scratch
  }

  @Test("The same seed gives the same bytes for any number of threads.")
  func theSameSeedGivesTheSameBytesForAnyThreads() throws {
    let digests = try [(3, 1), (3, 2), (3, 3), (4, 2)].map { seed, threads in
      let scratch = try Self.write(70, classes: 7, seed: UInt64(seed), threads: threads)
      defer { scratch.remove() }
      return try Self.digest(scratch.path)
    }
    #expect(digests[1] == digests[0] && digests[2] == digests[0] && digests[3] != digests[0])
  }

  @Test("An image depends on the seed and its number only.")
  func anImageDependsOnSeedAndNumberAlone() throws {
    let few = try Self.write(5, classes: 20, seed: 8, threads: 1)
    defer { few.remove() }
    let many = try Self.write(9, classes: 20, seed: 8, threads: 2)
    defer { many.remove() }
    for i in 0..<5 {
      for file in ["JPEGImages/\(SyntheticSet.id(i)).jpg", "SegmentationClassAug/\(SyntheticSet.id(i)).png"] {
        let same = try FileBytes.read("\(few.path)/\(file)") == FileBytes.read("\(many.path)/\(file)")
        #expect(same, "\(file)")
      }
    }
  }

  @Test("The layout is VOC's.")
  func theLayoutIsVOCs() throws {
    let scratch = try Self.write(40, classes: 5, seed: 1, threads: 2)
    defer { scratch.remove() }
    let voc = try VOCDirectory(root: scratch.path, classes: 5)
    let training = try voc.images(list: "ImageSets/Segmentation/train_aug.txt")
    let validation = try voc.images(list: "ImageSets/Segmentation/val.txt")
    #expect(training.count == 34 && validation.count == 6)
    #expect(Set((training + validation).map(\.id)).count == 40)
    #expect(try voc.images(list: "ImageSets/Segmentation/train.txt") == training)
    #expect(try voc.images(list: "ImageSets/Segmentation/trainval.txt").count == 40)
    let sizes = try training.map { image in
      let (photograph, mask) = try voc.loadWithMask(image)
      #expect(mask.counts[255] > 0)
      return [photograph.width, photograph.height]
    }
    #expect(sizes.joined().allSatisfy { (112...160).contains($0) } && Set(sizes).count > 20)

    // Labels come from the masks, and from the class lists when the masks are removed.
    let workers = WorkerPool(threads: 2)
    let images = training + validation
    let labels = try voc.imageLabels(images, workers: workers)
    try FileManager.default.removeItem(atPath: scratch.path + "/SegmentationClassAug")
    #expect(try voc.imageLabels(images, workers: workers) == labels)
    let lines = try String(contentsOfFile: scratch.path + "/ImageSets/Main/bird_val.txt", encoding: .utf8)
      .split(separator: "\n")
    #expect(lines.count == 6 && lines.allSatisfy { $0.hasSuffix("  1") || $0.hasSuffix(" -1") })
  }

  /// 400 images of 20 classes: each class is first in 20 of them.
  @Test("Every class occurs often enough.")
  func everyClassIsSeenOftenEnough() {
    var images = [Int](repeating: 0, count: 256)
    var pixels = [Int](repeating: 0, count: 256)
    var classesAImage = [Int](repeating: 0, count: 5)
    for i in 0..<400 {
      let counts = SyntheticSet.draw(seed: 11, index: i, classes: 20).mask.counts
      let present = (1...20).filter { counts[$0] > 0 }
      classesAImage[present.count] += 1
      for index in present where counts[index] > 60 { images[index] += 1 }
      for index in 0..<256 { pixels[index] += counts[index] }
    }
    for index in 1...20 {
      #expect((20...70).contains(images[index]), "\(ClassNames.voc[index]) in \(images[index]) images")
    }
    #expect(classesAImage[0] == 0 && classesAImage[1] > 150 && classesAImage[2] > 80 && classesAImage[3] > 20)
    let all = Double(pixels.reduce(0, +))
    #expect(pixels[21...254].allSatisfy { $0 == 0 })
    #expect((0.6...0.9).contains(Double(pixels[0]) / all), "background")
    #expect((0.02...0.12).contains(Double(pixels[255]) / all), "ignored")
  }

  @Test("Each silhouette fills a reasonable part of its square.")
  func silhouettesFillTheirSquare() {
    for index in 1...20 {
      for variant in 0..<20 {
        var random = CounterRandom(seed: 5, UInt64(index), UInt64(variant))
        let parts = Silhouettes.draw(index, &random)
        var canvas = IndexImage(width: 220, height: 220)
        for part in parts {
          canvas.fill(part.shape.map { Point(110 + 100 * $0.x, 110 + 100 * $0.y) }, 1)
          let bounds = part.shape.bounds
          #expect(
            bounds.left > -1.1 && bounds.top > -1.1 && bounds.right < 1.1 && bounds.bottom < 1.1,
            "\(ClassNames.voc[index])")
        }
        let share = Double(canvas.counts[1]) / 40_000
        #expect((0.12...0.75).contains(share), "\(ClassNames.voc[index]) fills \(share)")
      }
    }
  }

  @Test("Impossible requests are errors.")
  func impossibleRequestsAreErrors() throws {
    let workers = WorkerPool(threads: 1)
    let scratch = try Scratch()
    defer { scratch.remove() }
    let requests: [(Int, Int, ClosedRange<Int>, String)] = [
      (10, 0, 112...160, "0 classes"), (10, 21, 112...160, "21 classes"), (1, 5, 112...160, "1 images"),
      (10, 5, 8...16, "sides of 8"),
    ]
    for (images, classes, size, words) in requests {
      let error = #expect(throws: DatasetError.self) {
        try SyntheticSet.write(
          to: scratch.path, images: images, classes: classes, seed: 1, size: size, workers: workers)
      }
      #expect(try #require(error).description.contains(words))
    }
    try scratch.add("other", mask: nil)
    let error = #expect(throws: DatasetError.self) {
      try SyntheticSet.write(to: scratch.path, images: 4, classes: 2, seed: 1, workers: workers)
    }
    #expect(try #require(error).description.contains("already holds images"))
    #expect(throws: FileError.self) {
      try SyntheticSet.write(to: "/proc/none", images: 4, classes: 2, seed: 1, workers: workers)
    }
  }

  @Test("Progress is reported up to the last image.")
  func progressCountsUpToTheEnd() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    var seen: [Int] = []
    try SyntheticSet.write(
      to: scratch.path, images: 130, classes: 3, seed: 1, size: 40...48, workers: WorkerPool(threads: 2)
    ) { seen.append($0) }
    #expect(seen == [64, 128, 130])
  }
}
