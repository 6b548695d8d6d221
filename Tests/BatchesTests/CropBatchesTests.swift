// Tests of minibatches of listed crops, from a folder and from a pack.
import Batches
import Compute
import Datasets
import Foundation
import Images
import Proposals
import Testing

@Suite struct CropBatchesTests {
  static func records(_ set: DrawnSet) throws -> [CropRecord] {
    try set.images.enumerated().flatMap { number, image -> [CropRecord] in
      let mask = try set.directory.loadMask(image)
      return LabelCombination.all(of: set.labels[number]).flatMap { combination in
        CombinatorialCropping(perCombination: 4, seed: 8).boxes(
          of: combination, foreground: combination.foreground(of: mask)!, id: image.id, width: mask.width,
          height: mask.height,
          // A proposal of the whole image is extended beyond it.
          proposals: [ScoredBox(Box(width: mask.width, height: mask.height), score: 1)]
        ).map {
          CropRecord(
            image: UInt32(number), labels: UInt32(combination.bits), x1: Int16($0.x1), y1: Int16($0.y1),
            x2: Int16($0.x2),
            y2: Int16($0.y2))
        }
      }
    }
  }

  static func source(_ set: DrawnSet, _ store: any ImageStore, _ images: [ListedImage], records: [CropRecord])
    -> MaskCropBatches
  {
    MaskCropBatches(
      BatchSourceTests.plan(phase: 2), store, images: images, labels: set.labels,
      crops: .listed(records, name: "l.txt"),
      cacheBytes: 1 << 20)
  }

  @Test("An example is the line that the sampling plan assigns to its slot.")
  func aSlotIsTheLineThatTheWalkSays() throws {
    let set = try DrawnSet()
    defer { set.remove() }
    let records = try Self.records(set)
    #expect(records.contains { $0.x1 < 0 })
    let source = Self.source(set, set.directory, set.images, records: records)
    #expect(source.examplesPerRound == records.count && source.tasks.isEmpty)
    let walk = SamplingPlan(count: records.count, seed: 1, phase: 2)
    let augmentation = Augmentation(inputSize: 32)
    let choices = (0..<4).flatMap { x in
      (0..<4).flatMap { y in [false, true].map { Augmentation.Choice(x: x, y: y, mirrored: $0) } }
    }
    for place in 0..<40 {
      let values = try source.values(iteration: place / 6, slot: place % 6)
      let record = records[walk.item(at: place)]
      #expect(values.labels == (1...5).map { record.combination.contains($0) ? 1 : 0 })
      let (photograph, mask) = try set.directory.loadWithMask(set.images[Int(record.image)])
      let fitting = choices.filter { choice in
        var planes = [Float](repeating: 0, count: 3 * 32 * 32)
        var indices = [UInt8](repeating: 0, count: 32 * 32)
        augmentation.planes(of: photograph, box: record.box, choice: choice, into: &planes)
        augmentation.mask(
          of: mask, box: record.box, choice: choice, table: record.combination.binaryLabels, into: &indices)
        return planes == values.planes && indices == values.mask
      }
      #expect(fitting.count == 1, "place \(place)")
    }
  }

  @Test("A pack gives the same minibatches.")
  func aPackGivesTheSameMinibatches() throws {
    let set = try DrawnSet()
    defer { set.remove() }
    let records = try Self.records(set)
    let list = "ImageSets/Segmentation/trainval.txt"
    let path = set.path + "/set.pack"
    _ = try PackWriter.write(to: path, set.directory, lists: [list], workers: WorkerPool(threads: 2))
    let pack = try PackedSet(path)
    let images = try pack.images(list: list)
    let weak = { (store: any ImageStore, images: [ListedImage]) in
      ImageLabelBatches(BatchSourceTests.plan(), store, images: images, labels: set.labels, cacheBytes: 0)
    }
    let random = { (store: any ImageStore, images: [ListedImage]) in
      MaskCropBatches(BatchSourceTests.plan(phase: 2), store, images: images, labels: set.labels, cacheBytes: 0)
    }
    let pairs: [(any BatchSource, any BatchSource)] = [
      (weak(set.directory, set.images), weak(pack, images)), (random(set.directory, set.images), random(pack, images)),
      (Self.source(set, set.directory, set.images, records: records), Self.source(set, pack, images, records: records)),
    ]
    for (folder, packed) in pairs {
      for place in 0..<24 {
        #expect(
          try folder.values(iteration: place / 6, slot: place % 6)
            == packed.values(iteration: place / 6, slot: place % 6))
      }
    }
  }

  @Test("A box far outside the image is refused.")
  func aBoxFarOutsideIsRefused() throws {
    let set = try DrawnSet(images: 2)
    defer { set.remove() }
    let record = CropRecord(image: 0, labels: 1, x1: -30000, y1: 0, x2: 30000, y2: 40)
    let source = Self.source(set, set.directory, set.images, records: [record])
    let error = #expect(throws: CropListError.self) { try source.values(iteration: 0, slot: 0) }
    #expect("\(error!)".contains("l.txt: the box -30000 0 30000 40 of \(set.images[0].id)"))
  }
}
