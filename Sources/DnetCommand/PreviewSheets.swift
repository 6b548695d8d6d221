// Contact sheets of a dataset for visual inspection: images with their masks, proposals, and crops as the network gets
// them.
import Batches
import Datasets
import Evaluation
import Images
import Proposals

struct PreviewSheets {
  private let store: any ImageStore
  private let cropping: CombinatorialCropping
  private let source: (any ProposalSource)?
  /// The side of a panel, and of the crops that are shown.
  fileprivate static let side = 224

  init(_ store: any ImageStore, cropping: CombinatorialCropping, source: (any ProposalSource)?) {
    self.store = store
    self.cropping = cropping
    self.source = source
  }

  /// Draws rows of photograph, mask, and mask over the photograph.
  func masks(_ images: [ListedImage]) throws -> ContactSheet {
    var sheet = ContactSheet(side: Self.side)
    for image in images {
      let (photograph, mask) = try store.loadWithMask(image)
      let labels = ClassBoxes(mask, classes: store.classes).labels
      sheet.add(.init(photograph, caption: image.id))
      sheet.add(.init(mask.colored, caption: Self.names(labels, store.classNames)))
      sheet.add(.init(photograph.overlaid(mask), caption: "\(mask.width) x \(mask.height)"))
    }
    return sheet
  }

  /// Draws rows of the best 10 proposals, the best 100, and for each class the one that fits its pixels best, in its
  /// colour, with the box of these pixels in white. Returns nil without a source.
  func proposals(_ images: [ListedImage]) throws -> ContactSheet? {
    guard let source else { return nil }
    var sheet = ContactSheet(side: Self.side)
    for image in images {
      let (photograph, mask) = try store.loadWithMask(image)
      let boxes = try source.proposals(for: photograph, id: image.id).map(\.box)
      for count in [10, 100] {
        var drawing = photograph
        for (rank, box) in boxes.prefix(count).enumerated().reversed() {
          drawing.draw(box, rank < 10 ? Color(255, 60, 40) : Color(255, 210, 0), thickness: rank < 3 ? 2 : 1)
        }
        sheet.add(.init(drawing, caption: "best \(min(count, boxes.count)) of \(boxes.count)"))
      }
      var drawing = photograph
      let classes = ClassBoxes(mask, classes: store.classes)
      var words: [String] = []
      for label in 1...store.classes where classes.labels[label - 1] {
        guard let truth = classes.foreground(of: LabelCombination(bits: 1 << UInt64(label - 1))) else { continue }
        drawing.draw(truth, Color(255, 255, 255), thickness: 2)
        guard let best = boxes.max(by: { $0.overlap(truth) < $1.overlap(truth) }) else { continue }
        drawing.draw(best, VOCPalette.color(UInt8(label)), thickness: 2)
        words.append("\(store.classNames[label]) \(Int((100 * best.overlap(truth)).rounded()))%")
      }
      sheet.add(.init(drawing, caption: words.isEmpty ? "no class" : words.joined(separator: ", ")))
    }
    return sheet
  }

  /// Draws a row for each label combination (at most `combinations` per image): the image with the box of the
  /// foreground in white and the first and last crop of the combination in red and blue, then both crops with their
  /// masks as the network gets them, at the middle of the random crop. In masks 1 is white, 0 black and 255 grey.
  func crops(_ images: [ListedImage], combinations: Int = 3, list: CropList? = nil) throws -> ContactSheet {
    var sheet = ContactSheet(columns: 5, side: Self.side)
    let augmentation = Augmentation(inputSize: Self.side)
    let middle = (augmentation.resizedSize - augmentation.inputSize) / 2
    let choice = Augmentation.Choice(x: middle, y: middle, mirrored: false)
    for image in images {
      let (photograph, mask) = try store.loadWithMask(image)
      for (combination, boxes) in try boxes(of: image, photograph, mask, in: list).prefix(combinations) {
        let pair = [boxes.first, boxes.count > 1 ? boxes.last : nil].compactMap { $0 }
        var drawing = photograph
        for (box, color) in zip(pair, [Color(255, 60, 40), Color(60, 120, 255)]) {
          drawing.draw(box, color, thickness: 2)
        }
        if let foreground = combination.foreground(of: mask) {
          drawing.draw(foreground, Color(255, 255, 255), thickness: 1)
        }
        let chosen = (1...store.classes).map { combination.contains(UInt8($0)) }
        sheet.add(.init(drawing, caption: "\(Self.names(chosen, store.classNames)): \(image.id)"))
        for box in pair {
          sheet.add(
            .init(
              augmentation.displayImage(of: photograph, box: box, choice: choice),
              caption: "\(box.x1) \(box.y1) \(box.x2) \(box.y2)"))
          var values = [UInt8](repeating: 0, count: Self.side * Self.side)
          augmentation.mask(of: mask, box: box, choice: choice, table: combination.binaryLabels, into: &values)
          let pixels = values.flatMap { value in [UInt8](repeating: [0: 0, 1: 255][value] ?? 128, count: 3) }
          sheet.add(
            .init(RGBImage(width: Self.side, height: Self.side, pixels: pixels), caption: "\(boxes.count) crops"))
        }
        for _ in pair.count..<2 {
          for _ in 0..<2 { sheet.add(.init(RGBImage(width: 1, height: 1, color: Color(255, 255, 255)), caption: "")) }
        }
      }
    }
    return sheet
  }

  /// Returns the combinations with their boxes from the list or, without one, as they would be generated.
  private func boxes(
    of image: ListedImage, _ photograph: RGBImage, _ mask: IndexImage, in list: CropList?
  ) throws -> [(LabelCombination, [Box])] {
    if let list {
      guard let number = list.ids.firstIndex(of: image.id) else {
        throw CropListError.noCrops(list: list.name, id: image.id)
      }
      var order: [UInt32] = []
      var boxes: [UInt32: [Box]] = [:]
      // The whole image, which is the first crop of each image, is not interesting here.
      let whole = Box(width: mask.width, height: mask.height)
      for record in list.records where record.image == number && record.box != whole {
        if boxes[record.labels] == nil { order.append(record.labels) }
        boxes[record.labels, default: []].append(record.box)
      }
      return order.map { (LabelCombination(bits: UInt64($0)), boxes[$0]!) }
    }
    let classes = ClassBoxes(mask, classes: store.classes)
    guard classes.labels.contains(true) else { return [] }
    let proposals = try source?.proposals(for: photograph, id: image.id) ?? []
    return LabelCombination.all(of: classes.labels).compactMap { combination in
      classes.foreground(of: combination).map { foreground in
        (
          combination,
          cropping.boxes(
            of: combination, foreground: foreground, id: image.id, width: mask.width, height: mask.height,
            proposals: proposals)
        )
      }
    }
  }

  private static func names(_ labels: LabelVector, _ classNames: [String]) -> String {
    let present = labels.indices.filter { labels[$0] }
    return present.isEmpty ? "no class" : present.map { classNames[$0 + 1] }.joined(separator: "+")
  }
}

extension RGBImage {
  /// Draws a box with lines thick enough to be visible after the image is shrunk to a panel.
  fileprivate mutating func draw(_ box: Box, _ color: Color, thickness: Int) {
    let shrink = (max(width, height) + PreviewSheets.side - 1) / PreviewSheets.side
    drawFrame(x1: box.x1, y1: box.y1, x2: box.x2, y2: box.y2, color: color, thickness: thickness * shrink)
  }
}

extension Augmentation {
  /// Returns the network's input as an image for display.
  fileprivate func displayImage(of image: RGBImage, box: Box, choice: Choice) -> RGBImage {
    let area = inputSize * inputSize
    var values = [Float](repeating: 0, count: 3 * area)
    planes(of: image, box: box, choice: choice, into: &values)
    let mean = [Self.trainingMean.2, Self.trainingMean.1, Self.trainingMean.0]
    return RGBImage(
      width: inputSize, height: inputSize,
      pixels: (0..<3 * area).map { i in
        UInt8(max(0, min(255, (values[(2 - i % 3) * area + i / 3] + mean[i % 3]).rounded())))
      })
  }
}
