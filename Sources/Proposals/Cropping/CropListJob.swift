// The work of making a crop list, divided into units for any thread of any rank. The text of a unit is a function of
// the images, the parameters and the seed only.
import Datasets
import Images

package struct CropListJob: Sendable {
  package let store: any ImageStore
  /// The images that have at least one label.
  package let images: [ListedImage]
  package let labels: [LabelVector]
  package let cropping: CombinatorialCropping
  /// nil for random boxes only.
  package let source: (any ProposalSource)?
  package let count: TrainingExampleCount
  /// A description of how the list is made, for its header.
  package let origin: String

  /// Some of the combinations of one image. Most images are one unit; one with very many labels is divided, so that its
  /// lines are never in memory all at once.
  package struct Unit: Sendable, Equatable {
    package let image: Int
    package let combinations: Range<Int>
  }
  package let units: [Unit]
  package static let combinationsPerUnit = 256

  package init(
    _ store: any ImageStore, _ images: [ListedImage], labels: [LabelVector], cropping: CombinatorialCropping,
    source: (any ProposalSource)?, sourceText: String
  ) throws(CropListError) {
    precondition(images.count == labels.count, "\(images.count) images, but \(labels.count) label vectors")
    let labelled = images.indices.filter { labels[$0].contains(true) }
    self.store = store
    self.images = labelled.map { images[$0] }
    self.labels = labelled.map { labels[$0] }
    self.cropping = cropping
    self.source = source
    count = TrainingExampleCount(labels, perCombination: cropping.perCombination)
    guard count.total <= Int(UInt32.max) else { throw .tooMany(crops: count.total, images: count.images) }
    origin = "\(sourceText); \(cropping.text)"
    units = self.labels.enumerated().flatMap { image, labels in
      let combinations = (1 << labels.count { $0 }) - 1
      return stride(from: 0, to: combinations, by: Self.combinationsPerUnit).map {
        Unit(image: image, combinations: $0..<min($0 + Self.combinationsPerUnit, combinations))
      }
    }
  }

  package var header: String { CropListText.header(count, classes: store.classes, origin: origin) }

  /// Returns the lines of a unit. The first unit of an image begins with the whole image and all of its labels, one of
  /// the N_s examples.
  package func text(of unit: Unit) throws -> [UInt8] {
    let image = images[unit.image]
    let (photograph, mask) = try store.loadWithMask(image)
    let (width, height) = (mask.width, mask.height)
    let proposals = try source?.proposals(for: photograph, id: image.id) ?? []
    let classBoxes = ClassBoxes(mask, classes: store.classes)
    let all = LabelCombination.all(of: labels[unit.image])
    let paths = store.names(of: image)
    let names = (Array(paths.photograph.utf8), Array((paths.mask ?? "-").utf8))
    var text: [UInt8] = []
    text.reserveCapacity((unit.combinations.count * cropping.perCombination + 1) * (names.0.count + names.1.count + 70))
    if unit.combinations.lowerBound == 0 {
      let whole = Box(width: width, height: height)
      CropListText.append(whole, all[all.count - 1], names: names, classes: store.classes, to: &text)
    }
    for combination in all[unit.combinations] {
      guard let foreground = classBoxes.foreground(of: combination) else {
        throw CropListError.maskChanged(id: image.id)
      }
      let boxes = cropping.boxes(
        of: combination, foreground: foreground, id: image.id, width: width, height: height, proposals: proposals)
      for box in boxes {
        CropListText.append(box, combination, names: names, classes: store.classes, to: &text)
      }
    }
    return text
  }
}
