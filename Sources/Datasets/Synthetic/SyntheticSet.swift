// A dataset drawn by dnet itself in VOC's layout, for tests, tutorials and clusters without VOC. It can be learnt from
// scratch in minutes, but only from many images: in a few, shape, colour and texture are misleading.
import Compute
import Foundation
import Images
import Randomness
import Support

package enum SyntheticSet {
  /// The shortest and longest side of an image.
  package static let defaultSides = 112...160

  /// Returns the id of image `index`.
  package static func id(_ index: Int) -> String {
    let digits = String(index)
    return "drawn_" + String(repeating: "0", count: max(0, 6 - digits.count)) + digits
  }

  /// Returns how many of `images` images are for validation: about 15%, at least one. They are the last ones; the
  /// content of an image does not depend on its number.
  package static func validationCount(_ images: Int) -> Int { max(1, (images * 15 + 50) / 100) }

  /// Draws image `index` of the set and its mask, a function of the arguments only.
  package static func draw(
    seed: UInt64, index: Int, classes: Int, sides: ClosedRange<Int> = defaultSides
  ) -> (photograph: RGBImage, mask: IndexImage) {
    let scene = Scene(seed: seed, image: index, classes: classes, sides: sides)
    return (scene.photograph, scene.mask)
  }

  /// Writes `images` images of the first `classes` VOC classes under `root`: JPEGImages, SegmentationClassAug (palette
  /// PNGs, 255 on the edges of objects), ImageSets/Segmentation/{train_aug,train,val,trainval}.txt (train is train_aug)
  /// and ImageSets/Main/CLASS_{train,val,trainval}.txt in VOC's form of 1 and -1.
  ///
  /// The same arguments give the same bytes for any number of workers (with the same libjpeg, libpng and zlib).
  /// `progress` is called on the calling thread with the number of images done. Throws `impossible` for numbers out of
  /// range and where the folder already holds images, and `FileError` where it cannot write.
  package static func write(
    to root: String, images: Int, classes: Int, seed: UInt64, size: ClosedRange<Int> = defaultSides,
    workers: WorkerPool, progress: (_ done: Int) -> Void = { _ in }
  ) throws {
    try check(root: root, images: images, classes: classes, size: size)
    for folder in ["JPEGImages", "SegmentationClassAug", "ImageSets/Segmentation", "ImageSets/Main"] {
      try FileBytes.makeFolder("\(root)/\(folder)")
    }
    // In batches, so that progress is shown and a full disk is detected early.
    var counts: [[Int]] = []
    for start in stride(from: 0, to: images, by: 64) {
      let end = min(start + 64, images)
      counts += try workers.map(Array(start..<end)) { index in
        let (photograph, mask) = draw(seed: seed, index: index, classes: classes, sides: size)
        try JPEG.write(photograph, to: "\(root)/JPEGImages/\(id(index)).jpg", quality: 90)
        try PNG.write(mask, to: "\(root)/SegmentationClassAug/\(id(index)).png")
        return mask.counts
      }
      progress(end)
    }
    try writeLists(root: root, counts: counts, classes: classes)
  }

  private static func check(root: String, images: Int, classes: Int, size: ClosedRange<Int>) throws {
    guard (1...20).contains(classes) else {
      throw DatasetError.impossible(what: "\(classes) classes asked for, but the set draws VOC's: give 1 to 20")
    }
    guard images >= 2 && images < 1_000_000 else {
      throw DatasetError.impossible(
        what: "\(images) images asked for: give 2 to 999999, one for training and one for validation at least")
    }
    guard size.lowerBound >= 32 && size.upperBound <= 4096 else {
      throw DatasetError.impossible(
        what: "sides of \(size.lowerBound) to \(size.upperBound) pixels asked for: give 32 to 4096")
    }
    let present = (try? FileManager.default.contentsOfDirectory(atPath: root + "/JPEGImages")) ?? []
    guard present.isEmpty else {
      throw DatasetError.impossible(what: "\(root)/JPEGImages already holds images: name a new or empty folder")
    }
  }

  private static func writeLists(root: String, counts: [[Int]], classes: Int) throws {
    let training = 0..<counts.count - validationCount(counts.count)
    let splits = [
      ("train", training), ("val", training.upperBound..<counts.count), ("trainval", 0..<counts.count),
    ]
    func write(_ lines: [String], _ name: String) throws {
      try FileBytes.write(Array((lines.joined(separator: "\n") + "\n").utf8), to: "\(root)/ImageSets/\(name).txt")
    }
    try write(training.map(id), "Segmentation/train_aug")
    for (name, range) in splits {
      try write(range.map(id), "Segmentation/\(name)")
      try write(range.map(id), "Main/\(name)")
      for index in 1...classes {
        try write(
          range.map { id($0) + (counts[$0][index] > 0 ? "  1" : " -1") }, "Main/\(ClassNames.voc[index])_\(name)")
      }
    }
  }
}
