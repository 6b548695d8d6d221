// The confusion matrix of a segmentation, and the figures that are computed from it.
//
// The K object classes are numbered 1...K and background is 0, so a matrix has K+1 rows and columns. All counts are
// integers, so matrices of several ranks can be added in any order. Goals, in order: exact counts, the definitions of
// the VOC benchmark, speed.
import Images

package enum EvaluationError: Error, CustomStringConvertible, Equatable {
  case sizesDiffer(predicted: Int, truth: Int)
  case shapesDiffer(predicted: String, truth: String)
  case classOutOfRange(value: Int, classes: Int, isPrediction: Bool)
  case countsDiffer(expected: Int, found: Int)

  package var description: String {
    switch self {
    case .sizesDiffer(let predicted, let truth):
      "the prediction has \(predicted) pixels and the mask \(truth): compare masks of the image's own size"
    case .shapesDiffer(let predicted, let truth):
      "the prediction is \(predicted) and the mask \(truth): compare masks of the image's own size"
    case .classOutOfRange(let value, let classes, isPrediction: false):
      "the mask holds class \(value), but classes end at \(classes): check network.classes and data.root"
    case .classOutOfRange(let value, let classes, isPrediction: true):
      "the prediction holds class \(value), but classes end at \(classes): check that the model fits the data"
    case .countsDiffer(let expected, let found):
      "\(found) counts were sent where \(expected) are expected: run the same build of dnet on all ranks"
    }
  }
}

/// Pixel counts over (true class, predicted class), without the pixels whose truth is 255.
package struct ConfusionMatrix: Sendable, Equatable {
  /// The mask value of pixels that are not counted (in VOC, object borders and difficult objects).
  package static let ignored = IndexImage.ignored

  /// K, the number of object classes without background.
  package let classes: Int
  /// (K+1) x (K+1) counts; the row is the true class.
  package private(set) var counts: [UInt64]

  package init(classes: Int) {
    precondition((1...254).contains(classes), "\(classes) classes do not fit a mask of bytes")
    self.classes = classes
    counts = Array(repeating: 0, count: (classes + 1) * (classes + 1))
  }

  /// Creates a matrix from the counts that another rank sent.
  package init(classes: Int, counts: [UInt64]) throws(EvaluationError) {
    self.init(classes: classes)
    guard counts.count == self.counts.count else {
      throw .countsDiffer(expected: self.counts.count, found: counts.count)
    }
    self.counts = counts
  }

  /// Counts one image. Pixels whose truth is 255 are not counted, whatever the prediction.
  ///
  /// - Throws: an error if the sizes differ or if either side has a class above K. Nothing is counted then.
  package mutating func add(
    predicted: UnsafeBufferPointer<UInt8>, truth: UnsafeBufferPointer<UInt8>
  ) throws(EvaluationError) {
    guard predicted.count == truth.count else {
      throw .sizesDiffer(predicted: predicted.count, truth: truth.count)
    }
    let side = classes + 1
    var sums = counts
    for pixel in 0..<truth.count where truth[pixel] != Self.ignored {
      let row = Int(truth[pixel])
      let column = Int(predicted[pixel])
      guard row < side else { throw .classOutOfRange(value: row, classes: classes, isPrediction: false) }
      guard column < side else { throw .classOutOfRange(value: column, classes: classes, isPrediction: true) }
      sums[row * side + column] += 1
    }
    counts = sums
  }

  package mutating func add(predicted: [UInt8], truth: [UInt8]) throws(EvaluationError) {
    // Typed errors do not pass through closures of the standard library, so a `Result` carries them.
    let result = predicted.withUnsafeBufferPointer { predicted in
      truth.withUnsafeBufferPointer { truth in
        Result { () throws(EvaluationError) in try add(predicted: predicted, truth: truth) }
      }
    }
    try result.get()
  }

  /// Counts one image, and throws also if width or height differ.
  package mutating func add(predicted: IndexImage, truth: IndexImage) throws(EvaluationError) {
    guard predicted.width == truth.width && predicted.height == truth.height else {
      throw .shapesDiffer(
        predicted: "\(predicted.width) x \(predicted.height)", truth: "\(truth.width) x \(truth.height)")
    }
    try add(predicted: predicted.indices, truth: truth.indices)
  }

  package static func += (sum: inout ConfusionMatrix, other: ConfusionMatrix) {
    precondition(sum.classes == other.classes, "matrices of \(sum.classes) and \(other.classes) classes do not add")
    for index in sum.counts.indices { sum.counts[index] += other.counts[index] }
  }

  /// The number of pixels of class `truth` that were predicted as class `predicted`.
  package subscript(truth truth: Int, predicted predicted: Int) -> UInt64 {
    counts[truth * (classes + 1) + predicted]
  }

  /// The number of counted pixels.
  package var pixels: UInt64 { counts.reduce(0, +) }

  package func truthPixels(of label: Int) -> UInt64 {
    (0...classes).reduce(0) { $0 + self[truth: label, predicted: $1] }
  }

  package func predictedPixels(of label: Int) -> UInt64 {
    (0...classes).reduce(0) { $0 + self[truth: $1, predicted: label] }
  }
}

// The figures. Each is a fraction in 0...1, or nil where it would be 0 / 0.
extension ConfusionMatrix {
  /// Returns intersection over union as in the VOC benchmark: true positives / (true positives + false positives +
  /// false negatives), over the pixels of all images together. Nil for a class in neither the truth nor the prediction.
  package func intersectionOverUnion(of label: Int) -> Double? {
    let both = self[truth: label, predicted: label]
    return ratio(both, truthPixels(of: label) + predictedPixels(of: label) - both)
  }

  /// The mean over background and the object classes (21 for VOC), which is the benchmark's figure.
  package var meanIoUWithBackground: Double? { mean(over: 0...classes) { _ in true } }

  /// The mean over the object classes only (20 for VOC).
  package var meanIoUObjects: Double? { mean(over: 1...classes) { _ in true } }

  /// The mean over the classes in the truth, including background: a class that is only predicted does not enter as
  /// zero. It is the figure for small sets, which lack some classes.
  package var meanIoUPresent: Double? { mean(over: 0...classes) { truthPixels(of: $0) > 0 } }

  package var pixelAccuracy: Double? {
    ratio((0...classes).reduce(0) { $0 + self[truth: $1, predicted: $1] }, pixels)
  }

  private func mean(over labels: ClosedRange<Int>, where counts: (Int) -> Bool) -> Double? {
    let values = labels.filter(counts).compactMap(intersectionOverUnion)
    return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
  }

  private func ratio(_ part: UInt64, _ whole: UInt64) -> Double? {
    whole == 0 ? nil : Double(part) / Double(whole)
  }
}

// Baselines: the scores of methods that do not look at the image.
extension ConfusionMatrix {
  /// Returns the matrix of the same truth with `label` predicted for every pixel.
  package func predictingEverywhere(_ label: Int) -> ConfusionMatrix {
    precondition((0...classes).contains(label), "class \(label) is not in 0...\(classes)")
    var constant = ConfusionMatrix(classes: classes)
    for truth in 0...classes { constant.counts[truth * (classes + 1) + label] = truthPixels(of: truth) }
    return constant
  }

  /// The object class with the most pixels in the truth, the lowest of several; nil if the truth has no object.
  /// Background does not count, because predicting it everywhere is the other baseline.
  package var mostFrequentObjectClass: Int? {
    let label = (1...classes).max { (truthPixels(of: $0), $1) < (truthPixels(of: $1), $0) }
    return label.flatMap { truthPixels(of: $0) > 0 ? $0 : nil }
  }
}
