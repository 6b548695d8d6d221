// The segmenter against a twin that takes one image at a time through the nine steps of Segmenter.swift's head, in
// Double.
import Batches
import Compute
import Evaluation
import Foundation
import Images
import Models
import Testing

@Suite struct SegmenterTests {
  static let classes = 3
  static let size = 64

  /// Images of awkward sizes: square, wide, high, larger and smaller than the network's input.
  static let images: [RGBImage] = {
    var dice = Dice(state: 77)
    return [(64, 64), (91, 40), (33, 97), (130, 128), (20, 17)].map { width, height in
      // Patches of colour with noise, so that the maps are not uniform.
      let patches = (0..<24).map { _ in dice.roll(200) }
      var image = RGBImage(width: width, height: height)
      for y in 0..<height {
        for x in 0..<width {
          let patch = 3 * (x * 4 / width % 4 + y * 2 / height * 4)
          let level = { (channel: Int) in UInt8(patches[(patch + channel) % 24] + dice.roll(56)) }
          image[x, y] = Color(level(0), level(1), level(2))
        }
      }
      return image
    }
  }()

  /// A network whose maps differ from pixel to pixel and class to class: first weights, larger score layers, and
  /// statistics from the images themselves. `biases` of the score layer force labels in or out.
  static func net(biases: [Float]) -> DecoupledNet {
    let net = DecoupledNet(NetworkShape(width: 0.0625, inputSize: size, classes: classes, batchNormalization: false))
    net.initialize(.he, seed: 5)
    let segmentation = net.segmentation.parameters
    for i in segmentation["segmentation.score.weight"].indices { segmentation["segmentation.score.weight"][i] *= 12 }
    // Without this bias, background and foreground tie if all activations are zero.
    segmentation["segmentation.score.bias"][0] = 0.3
    let step = SegmentationStep(net, images: images.count, context: ExecutionContext(workers: WorkerPool(threads: 1)))
    step.prepare()
    let batch = ShardBatch(examples: images.count, size: size, classes: classes)
    _ = batch.planes.buffer.update(fromContentsOf: images.flatMap(plane))
    _ = batch.labels.buffer.update(
      fromContentsOf: images.indices.flatMap { [Float(1), Float($0 % 2), Float(1 - $0 % 2)] })
    step.gatherStatistics(batch, into: net.segmentation.statistics)
    for (label, bias) in biases.enumerated() {
      net.classification.parameters["classification.score.bias"][label] = bias
    }
    return net
  }

  // MARK: The twin

  /// Steps 1 and 2, in single precision as the segmenter has them: the network's poolings make more of a last bit.
  static func plane(_ image: RGBImage) -> [Float] {
    let side = max(image.width, image.height)
    return [Float(104.00698793), 116.66876762, 122.67891434].enumerated().flatMap { channel, mean in
      var padded = [Float](repeating: 0, count: side * side)
      for y in 0..<image.height {
        for x in 0..<image.width {
          let color = image[x, y]
          padded[y * side + x] = Float([color.blue, color.green, color.red][channel])
        }
      }
      return Imresize.resize(padded, width: side, height: side, toWidth: size, toHeight: size, kernel: .bilinear)
        .map { $0 - mean }
    }
  }

  struct Twin {
    let scores: [Float]
    /// Label of each pixel, and by how much its map is above the next.
    let mask: [UInt8]
    let margin: [Double]
    /// Probability maps before normalization: the background, then each label.
    let maps: [[Double]]
  }

  static func twin(_ net: DecoupledNet, _ image: RGBImage) -> Twin {
    let area = size * size
    let predictor = DecoupledNetPredictor(net, images: 1, context: ExecutionContext(workers: WorkerPool(threads: 1)))
    let scores = predictor.scores(plane(image))
    let present = (0..<classes).filter { scores[$0] > 0.5 }
    let pixels = image.width * image.height
    guard !present.isEmpty else {
      return Twin(
        scores: scores, mask: [UInt8](repeating: 0, count: pixels), margin: [Double](repeating: 1, count: pixels),
        maps: [])
    }
    func map(_ labels: [Int], plane: Int) -> [Double] {
      predictor.decode([LabelQuery(image: 0, seeds: (0..<classes).map { labels.contains($0) ? scores[$0] : 0 })])
      return (0..<area).map { Double(predictor.probabilities.pointer[plane * area + $0]) }
    }
    // All labels together give the background, each alone its foreground.
    var maps = [map(present, plane: 0)] + present.map { map([$0], plane: 1) }
    let raw = maps
    for pixel in 0..<area {
      if maps.reduce(0, { $0 + $1[pixel] }) <= 0 { for m in maps.indices { maps[m][pixel] += 1 } }
      let sum = maps.reduce(0) { $0 + $1[pixel] }
      for m in maps.indices { maps[m][pixel] /= sum }
    }
    let side = max(image.width, image.height)
    let resized = maps.map {
      Imresize.resize($0, width: size, height: size, toWidth: side, toHeight: side, kernel: .bicubic)
    }
    var mask = [UInt8]()
    var margin = [Double]()
    for y in 0..<image.height {
      for x in 0..<image.width {
        let values = resized.map { $0[y * side + x] }
        let best = values.firstIndex(of: values.max()!)!
        mask.append(best == 0 ? 0 : UInt8(present[best - 1] + 1))
        margin.append(values[best] - (values.enumerated().filter { $0.offset != best }.map(\.element).max() ?? 0))
      }
    }
    return Twin(scores: scores, mask: mask, margin: margin, maps: raw)
  }

  static func segment(_ net: DecoupledNet, _ images: [RGBImage], atOnce: Int, threads: Int = 1) -> [Segmentation] {
    let segmenter = Segmenter(net, images: atOnce, context: ExecutionContext(workers: WorkerPool(threads: threads)))
    return stride(from: 0, to: images.count, by: atOnce).flatMap {
      segmenter.segment(Array(images[$0..<min($0 + atOnce, images.count)]))
    }
  }

  func expectEqual(_ found: Segmentation, _ twin: Twin, of image: RGBImage, _ what: String) {
    #expect(found.mask.width == image.width && found.mask.height == image.height, "\(what)")
    #expect(zip(found.labelScores, twin.scores).allSatisfy { abs($0 - $1) < 1e-5 }, "\(what)")
    #expect(found.labels == twin.scores.map { $0 > 0.5 }, "\(what)")
    // Single against double precision: where two maps are nearly equal, either may win.
    let wrong = twin.mask.indices.filter { found.mask.indices[$0] != twin.mask[$0] && twin.margin[$0] > 1e-4 }
    #expect(wrong.isEmpty, "\(what): \(wrong.count) of \(twin.mask.count) pixels, the first at \(wrong.first ?? 0)")
    #expect(twin.margin.count { $0 <= 1e-4 } < twin.mask.count / 50, "\(what): the maps are too much alike to compare")
  }

  // MARK: Tests

  @Test(
    "Masks equal the twin's.",
    arguments: [[20, -20, -20], [20, -20, 20], [20, 20, 20], [-20, 20, -20]] as [[Float]])
  func masksEqualTheTwins(biases: [Float]) {
    let net = Self.net(biases: biases)
    var seen: Set<UInt8> = []
    for (number, image) in Self.images.enumerated() {
      let twin = Self.twin(net, image)
      let found = Self.segment(net, [image], atOnce: 1)[0]
      #expect(found.labels == biases.map { $0 > 0 })
      expectEqual(found, twin, of: image, "image \(number)")
      seen.formUnion(found.mask.indices)
    }
    let possible = Set([0] + biases.indices.filter { biases[$0] > 0 }.map { UInt8($0 + 1) })
    #expect(seen.isSubset(of: possible) && seen.count >= 2, "labels \(seen) are too few to compare")
  }

  /// Maps that were swapped between labels, or all alike, would pass the comparison above.
  @Test("Each label has its own map.") func eachLabelHasItsOwnMap() {
    let net = Self.net(biases: [20, 20, 20])
    let maps = Self.twin(net, Self.images[3]).maps
    #expect(maps.count == 4)
    for i in 1..<4 {
      for j in 1..<i {
        let apart = zip(maps[i], maps[j]).reduce(0) { max($0, abs($1.0 - $1.1)) }
        #expect(apart > 0.02, "labels \(i) and \(j) differ by \(apart)")
      }
    }
  }

  @Test("Without any label the whole image is background.") func noLabelIsAllBackground() {
    // Zero weights and biases: every score is exactly 0.5, which is not above the threshold.
    for bias in [Float(-20), 0] {
      let net = Self.net(biases: [bias, bias, bias])
      if bias == 0 { net.classification.parameters["classification.score.weight"].update(repeating: 0) }
      for (image, found) in zip(Self.images, Self.segment(net, Self.images, atOnce: 2)) {
        #expect(found.mask == IndexImage(width: image.width, height: image.height))
        #expect(found.labels == [false, false, false])
        if bias == 0 { #expect(found.labelScores == [0.5, 0.5, 0.5]) }
      }
    }
  }

  /// Images of one call have different labels, and different numbers of them.
  @Test("An image has the same mask alone and in a batch.") func anImageAloneAndInABatchAreTheSame() {
    let plain = Self.net(biases: [0, 0, 0])
    let logits = Self.images.map { Self.twin(plain, $0).scores.map { log(Double($0) / (1 - Double($0))) } }
    // A class's threshold lies in the widest gap between the images' scores.
    let biases = (0..<Self.classes).map { label -> Float in
      let sorted = logits.map { $0[label] }.sorted()
      let gap = zip(sorted, sorted.dropFirst()).max { $0.1 - $0.0 < $1.1 - $1.0 }!
      return Float(-(gap.0 + gap.1) / 2)
    }
    let net = Self.net(biases: biases)
    let alone = Self.segment(net, Self.images, atOnce: 1)
    #expect(Set(alone.map(\.labels)).count >= 2, "all images have the same labels")
    for (number, image) in Self.images.enumerated() {
      expectEqual(alone[number], Self.twin(net, image), of: image, "image \(number)")
    }
    for (atOnce, threads) in [(1, 2), (2, 1), (3, 2), (5, 1), (5, 2), (7, 2)] {
      let found = Self.segment(net, Self.images, atOnce: atOnce, threads: threads)
      for (number, one) in alone.enumerated() {
        // Products of other shapes round otherwise; where two maps all but meet that may show.
        let apart = zip(found[number].mask.indices, one.mask.indices).count { $0 != $1 }
        #expect(
          apart <= one.mask.indices.count / 200,
          "image \(number), \(atOnce) at once, \(threads) threads: \(apart) pixels")
        #expect(found[number].labels == one.labels)
        #expect(zip(found[number].labelScores, one.labelScores).allSatisfy { abs($0 - $1) < 1e-5 })
      }
    }
  }

  @Test("The number of threads changes no bit.") func theNumberOfThreadsChangesNoBit() {
    let net = Self.net(biases: [20, -20, 20])
    let one = Self.segment(net, Self.images, atOnce: 3, threads: 1)
    for threads in [2, 3] {
      let more = Self.segment(net, Self.images, atOnce: 3, threads: threads)
      for number in one.indices {
        #expect(more[number].mask == one[number].mask)
        #expect(more[number].labelScores.map(\.bitPattern) == one[number].labelScores.map(\.bitPattern))
      }
    }
  }

  /// A list's last call has fewer images. At the same place of a call, neighbours change nothing.
  @Test("Neighbours in a call change no bit.", arguments: 0..<4) func neighboursInACallChangeNoBit(place: Int) {
    let net = Self.net(biases: [20, 20, -20])
    let segmenter = Segmenter(net, images: 4, context: ExecutionContext(workers: WorkerPool(threads: 2)))
    var first: Segmentation?
    for count in place + 1...4 {
      for neighbour in [0, 3, 4] {
        var call = Array(repeating: Self.images[neighbour], count: count)
        call[place] = Self.images[1]
        let found = segmenter.segment(call)[place]
        if let first {
          #expect(found.mask == first.mask, "\(count) images, neighbour \(neighbour)")
          #expect(found.labelScores.map(\.bitPattern) == first.labelScores.map(\.bitPattern))
        }
        first = first ?? found
      }
    }
  }

  @Test("The classification network alone gives the same scores, and a saliency for each class and image.")
  func labelsAloneHaveTheSameScores() throws {
    let net = Self.net(biases: [0.3, -0.2, 0.1])
    let scorer = try #require(
      LabelScorer(net, images: 5, context: ExecutionContext(workers: WorkerPool(threads: 2))))
    let found = scorer.score(Self.images)
    for (labels, whole) in zip(found, Self.segment(net, Self.images, atOnce: 5)) {
      #expect(
        labels.labelScores.map(\.bitPattern) == whole.labelScores.map(\.bitPattern) && labels.labels == whole.labels)
    }
    var maps: Set<[UInt8]> = []
    for (number, image) in Self.images.enumerated() {
      for label in 1...Self.classes {
        let map = scorer.saliency(of: label, image: number, image)
        #expect(map.width == image.width && map.height == image.height)
        #expect(Set(map.indices).count > 3, "image \(number), class \(label): the map is flat")
        maps.insert(map.indices)
        // The largest value of the four places of pool5 is white wherever the image covers its middle.
        if image.width == image.height { #expect(map.indices.max() == 255) }
      }
    }
    // A map of 2 x 2 in grey: two classes may look alike by chance.
    #expect(maps.count > 2 * Self.images.count, "classes or images share a map")
  }
}
