// Tests of both example sources: an example depends on seed, phase, iteration and slot only, and its image, labels and
// mask belong together.
import Batches
import Datasets
import Foundation
import Images
import Proposals
import Support
import Testing

@Suite struct BatchSourceTests {
  static func plan(seed: UInt64 = 1, phase: UInt64 = 1, minibatch: Int = 6) -> BatchPlan {
    BatchPlan(seed: seed, phase: phase, minibatch: minibatch, inputSize: 32, classes: DrawnSet.classes)
  }

  static func source(_ set: DrawnSet, strong: Bool, _ plan: BatchPlan, cacheBytes: Int = 0) -> any BatchSource {
    strong
      ? MaskCropBatches(plan, set.directory, images: set.images, labels: set.labels, cacheBytes: cacheBytes)
      : ImageLabelBatches(plan, set.directory, images: set.images, labels: set.labels, cacheBytes: cacheBytes)
  }

  @Test("An example is a function of seed, phase, iteration and slot.", arguments: [false, true])
  func aSlotIsAFunctionOfSeedPhaseIterationAndSlot(strong: Bool) throws {
    let set = try DrawnSet()
    defer { set.remove() }
    let places = (0..<3).flatMap { iteration in (0..<6).map { (iteration, $0) } }
    let first = Self.source(set, strong: strong, Self.plan())
    let values = try places.map { try first.values(iteration: $0.0, slot: $0.1) }
    // The same image with the same of 32 crops can occur twice by chance.
    #expect(Set(values).count >= values.count - 2)

    // Without a cache, with a small one and a large one, in another order, and at other places of a shard.
    for cacheBytes in [0, 30_000, 1 << 30] {
      let source = Self.source(set, strong: strong, Self.plan(), cacheBytes: cacheBytes)
      for _ in 0..<2 {
        for (index, place) in places.enumerated().reversed() {
          let batch = ShardBatch(examples: 3, size: 32, classes: DrawnSet.classes)
          try source.fill(batch, example: index % 3, iteration: place.0, slot: place.1)
          #expect(ExampleValues(batch, index % 3) == values[index], "cache of \(cacheBytes), \(place)")
          // The other examples of the shard are unchanged.
          for other in 0..<3 where other != index % 3 {
            let untouched = ExampleValues(batch, other)
            #expect(untouched.planes.allSatisfy { $0 == 0 } && untouched.labels.allSatisfy { $0 == 0 })
          }
        }
      }
    }
    for other in [Self.plan(seed: 2), Self.plan(phase: 2)] {
      let source = Self.source(set, strong: strong, other)
      #expect(try places.map { try source.values(iteration: $0.0, slot: $0.1) } != values)
    }
  }

  /// The same image at the same place of a round is cropped differently in another iteration or slot.
  @Test("The random crop depends on iteration and slot.")
  func theCutBelongsToIterationAndSlot() throws {
    let set = try DrawnSet(images: 2)
    defer { set.remove() }
    let one = [set.images[0]]
    let source = ImageLabelBatches(
      Self.plan(), set.directory, images: one, labels: [set.labels[0]], cacheBytes: 1 << 20)
    let bySlot = try (0..<20).map { try source.values(iteration: 0, slot: $0).planes }
    let byIteration = try (0..<20).map { try source.values(iteration: $0, slot: 0).planes }
    // 32 crops are possible; 20 draws give 15 of them on average.
    #expect(Set(bySlot).count >= 8 && Set(byIteration).count >= 8)
    #expect(bySlot != byIteration)
  }

  @Test("Image-labelled examples are whole images in the order of the sampling plan.")
  func weakExamplesAreWholeImagesInTheWalksOrder() throws {
    let set = try DrawnSet(images: 5)
    defer { set.remove() }
    let source = Self.source(set, strong: false, Self.plan(minibatch: 4))
    #expect(source.examplesPerRound == 5)
    let walk = SamplingPlan(count: 5, seed: 1, phase: 1)
    let augmentation = Augmentation(inputSize: 32)
    var mirrored: Set<Bool> = []
    for place in 0..<12 {
      let values = try source.values(iteration: place / 4, slot: place % 4)
      let item = walk.item(at: place)
      #expect(values.labels == set.labels[item].map { $0 ? 1 : 0 })
      let photograph = try set.directory.load(set.images[item]).photograph
      let choices = (0..<4).flatMap { x in
        (0..<4).flatMap { y in [false, true].map { Augmentation.Choice(x: x, y: y, mirrored: $0) } }
      }
      let fitting = choices.filter { choice in
        var planes = [Float](repeating: 0, count: 3 * 32 * 32)
        augmentation.planes(
          of: photograph, box: Box(width: photograph.width, height: photograph.height), choice: choice, into: &planes)
        return planes == values.planes
      }
      #expect(fitting.count == 1, "place \(place)")
      fitting.first.map { _ = mirrored.insert($0.mirrored) }
    }
    #expect(mirrored.count == 2)
  }

  @Test("Masked examples are all combinations of every image.")
  func strongExamplesAreAllCombinationsOfEveryImage() throws {
    let set = try DrawnSet()
    defer { set.remove() }
    let plan = Self.plan(phase: 2)
    let source = MaskCropBatches(plan, set.directory, images: set.images, labels: set.labels, cacheBytes: 1 << 30)
    let counts = set.labels.map { labels in (1 << labels.count { $0 }) - 1 }
    #expect(source.examplesPerRound == counts.reduce(0, +))
    #expect(source.tasks.count == source.examplesPerRound)
    for (image, count) in counts.enumerated() {
      let own = source.tasks.filter { $0.image == image }.map(\.combination)
      #expect(own.count == count && Set(own).count == count)
      #expect(
        own.allSatisfy { combination in
          (1...5).allSatisfy { !combination.contains(UInt8($0)) || set.labels[image][$0 - 1] }
        })
    }
    // A round has each task once, with its labels and a mask of 0, 1 and 255 that has a 1.
    let walk = SamplingPlan(count: source.tasks.count, seed: 1, phase: 2)
    for position in 0..<source.tasks.count {
      let values = try source.values(iteration: position / 6, slot: position % 6)
      let combination = source.tasks[walk.item(at: position)].combination
      #expect(values.labels == (1...5).map { combination.contains($0) ? 1 : 0 })
      #expect(Set(values.mask).isSubset(of: [0, 1, 255]))
    }
  }

  /// The colours of the image encode the class: where the mask is uniform around a pixel, the colour must agree.
  @Test("Image and mask get the same crop.")
  func imageAndMaskGetTheSameCut() throws {
    let folder = NSTemporaryDirectory() + "dnet-batches-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    for name in ["JPEGImages", "SegmentationClassAug"] {
      try FileManager.default.createDirectory(atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
    }
    // The mask is asymmetric: 1 at the upper left, 2 below it on the right, 255 at the lower left.
    var mask = IndexImage(width: 90, height: 70)
    for y in 0..<70 {
      for x in 0..<90 {
        if (20..<45).contains(x) && (15..<35).contains(y) { mask[x, y] = 1 }
        if (50..<80).contains(x) && (40..<62).contains(y) { mask[x, y] = 2 }
        if x < 18 && y > 45 { mask[x, y] = 255 }
      }
    }
    let colors: [UInt8: Color] = [
      0: Color(10, 60, 200), 1: Color(250, 20, 30), 2: Color(40, 240, 90), 255: Color(255, 255, 255),
    ]
    var photograph = RGBImage(width: 90, height: 70)
    for y in 0..<70 { for x in 0..<90 { photograph[x, y] = colors[mask[x, y]]! } }
    // The decoder recognizes the contents, so a PNG file of this name keeps its colours.
    try FileBytes.write(PNG.encode(photograph), to: "\(folder)/JPEGImages/a.jpg")
    try PNG.write(mask, to: "\(folder)/SegmentationClassAug/a.png")
    let directory = try VOCDirectory(root: folder, classes: 5)
    let labels = [[true, true, false, false, false]]
    let source = MaskCropBatches(
      Self.plan(phase: 2), directory, images: [ListedImage(id: "a")], labels: labels, cacheBytes: 0)
    var compared = [UInt8: Int]()
    var faults: [String] = []
    for slot in 0..<60 {
      let values = try source.values(iteration: slot, slot: 0)
      let chosen = (1...2).filter { values.labels[$0 - 1] == 1 }
      for y in 2..<30 {
        for x in 2..<30 {
          let around = (-2...2).flatMap { dy in (-2...2).map { dx in values.mask[(y + dy) * 32 + x + dx] } }
          guard Set(around).count == 1 else { continue }
          let pixel = (0..<3).map { values.planes[($0 * 32 + y) * 32 + x] + [104.008, 116.669, 122.675][$0] }
          // B, G, R. An unchosen class is background in the mask and keeps its colour.
          let allowed: [Color] =
            switch around[0] {
            case 0: [colors[0]!] + (1...2).filter { !chosen.contains($0) }.map { colors[UInt8($0)]! }
            case 1: chosen.map { colors[UInt8($0)]! }
            default: [colors[255]!]
            }
          let even =
            Set(
              (-2...2).flatMap { dy in
                (-2...2).map { dx in (0..<3).map { values.planes[($0 * 32 + y + dy) * 32 + x + dx] } }
              }
            ).count == 1
          guard even else { continue }
          let agrees = allowed.contains { color in
            zip(pixel, [color.blue, color.green, color.red]).allSatisfy { abs($0 - Float($1)) < 0.01 }
          }
          if !agrees { faults.append("slot \(slot), (\(x), \(y)): \(pixel) under \(around[0])") }
          compared[around[0], default: 0] += 1
        }
      }
      // The box encloses the whole foreground, so only the crop from 35 to 32 can remove some of it.
      #expect(values.mask.contains(1))
    }
    #expect(faults.isEmpty, "\(faults.count) pixels, \(faults.first ?? "")")
    #expect(compared[0, default: 0] > 2000 && compared[1, default: 0] > 2000 && compared[255, default: 0] > 20)
  }

  @Test("A missing mask is an error of the dataset.")
  func aMissingMaskIsAnErrorOfTheDataSet() throws {
    let set = try DrawnSet(images: 3)
    defer { set.remove() }
    let source = Self.source(set, strong: true, Self.plan())
    try FileManager.default.removeItem(atPath: set.path + "/SegmentationClassAug")
    #expect(throws: DatasetError.self) { try source.values(iteration: 0, slot: 0) }
    // Image-level labels need no mask.
    _ = try Self.source(set, strong: false, Self.plan()).values(iteration: 0, slot: 0)
  }
}
