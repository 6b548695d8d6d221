// Tests of the confusion matrix and the figures derived from it.
import Evaluation
import Images
import Testing

/// A small generator for test images with the same numbers on every run.
struct Dice {
  var state: UInt64
  mutating func roll(_ sides: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int((state >> 33) % UInt64(sides))
  }
}

/// The definition of IoU: |truth and predicted| / |truth or predicted| among counted pixels.
func plainIntersectionOverUnion(_ label: UInt8, predicted: [UInt8], truth: [UInt8]) -> Double? {
  var both = 0
  var either = 0
  for (p, t) in zip(predicted, truth) where t != 255 {
    if p == label && t == label { both += 1 }
    if p == label || t == label { either += 1 }
  }
  return either == 0 ? nil : Double(both) / Double(either)
}

@Suite struct ConfusionMatrixTests {
  /// The image has 3 x 3 pixels.
  @Test("The figures of a small image are those computed by hand.")
  func smallImageByHand() throws {
    var matrix = ConfusionMatrix(classes: 3)
    try matrix.add(
      predicted: [0, 1, 1, 0, 2, 2, 0, 0, 3],
      truth: [0, 0, 1, 0, 2, 1, 255, 0, 255])
    #expect(matrix.pixels == 7)
    #expect(matrix[truth: 0, predicted: 1] == 1)
    #expect(matrix[truth: 1, predicted: 2] == 1)
    #expect(matrix.truthPixels(of: 0) == 4 && matrix.predictedPixels(of: 0) == 3)
    #expect(matrix.intersectionOverUnion(of: 0) == 3.0 / 4)
    #expect(matrix.intersectionOverUnion(of: 1) == 1.0 / 3)
    #expect(matrix.intersectionOverUnion(of: 2) == 1.0 / 2)
    #expect(matrix.intersectionOverUnion(of: 3) == nil, "class 3 was predicted on an ignored pixel only")
    #expect(matrix.pixelAccuracy == 5.0 / 7)
    #expect(matrix.meanIoUWithBackground == (3.0 / 4 + 1.0 / 3 + 1.0 / 2) / 3)
    #expect(matrix.meanIoUObjects == (1.0 / 3 + 1.0 / 2) / 2)
  }

  @Test("IoU and accuracy agree with their definitions.", arguments: [1, 2, 10, 20])
  func agreesWithTheDefinition(classes: Int) throws {
    var dice = Dice(state: UInt64(classes))
    var matrix = ConfusionMatrix(classes: classes)
    var allPredicted: [UInt8] = []
    var allTruth: [UInt8] = []
    for size in [1, 7, 333] {
      let truth = (0..<size).map { _ in dice.roll(6) == 0 ? 255 : UInt8(dice.roll(classes + 1)) }
      let predicted = truth.map { dice.roll(2) == 0 && $0 != 255 ? $0 : UInt8(dice.roll(classes + 1)) }
      try matrix.add(predicted: predicted, truth: truth)
      allPredicted += predicted
      allTruth += truth
    }
    for label in 0...classes {
      let expected = plainIntersectionOverUnion(UInt8(label), predicted: allPredicted, truth: allTruth)
      #expect(matrix.intersectionOverUnion(of: label) == expected)
    }
    let counted = zip(allPredicted, allTruth).filter { $0.1 != 255 }
    #expect(matrix.pixelAccuracy == Double(counted.count { $0.0 == $0.1 }) / Double(counted.count))
  }

  @Test("A class that is only predicted lowers the mean, but not the mean over present classes.")
  func aClassOnlyPredictedLowersTheMeanButNotThatOverPresentClasses() throws {
    var matrix = ConfusionMatrix(classes: 4)
    try matrix.add(predicted: [0, 1, 4], truth: [0, 1, 0])
    #expect(matrix.meanIoUWithBackground == 0.5)
    #expect(matrix.meanIoUObjects == 0.5)
    #expect(matrix.meanIoUPresent == 0.75)
  }

  @Test("Matrices can be added in any order.")
  func mergingInAnyOrderGivesTheSame() throws {
    var dice = Dice(state: 5)
    var parts: [ConfusionMatrix] = []
    var whole = ConfusionMatrix(classes: 7)
    for _ in 0..<6 {
      let truth = (0..<50).map { _ in UInt8(dice.roll(8)) }
      let predicted = (0..<50).map { _ in UInt8(dice.roll(8)) }
      var part = ConfusionMatrix(classes: 7)
      try part.add(predicted: predicted, truth: truth)
      try whole.add(predicted: predicted, truth: truth)
      parts.append(part)
    }
    for order in [parts, parts.reversed()] {
      var sum = ConfusionMatrix(classes: 7)
      for part in order { sum += part }
      #expect(sum == whole)
    }
    let sent = try ConfusionMatrix(classes: 7, counts: whole.counts)
    #expect(sent == whole)
    #expect(throws: EvaluationError.countsDiffer(expected: 64, found: 49)) {
      try ConfusionMatrix(classes: 7, counts: Array(repeating: 0, count: 49))
    }
  }

  @Test("An image that does not fit is refused and not counted.")
  func anImageThatDoesNotFitIsRefusedAndNotCounted() throws {
    var matrix = ConfusionMatrix(classes: 2)
    try matrix.add(predicted: [1, 2], truth: [1, 1])
    let before = matrix
    #expect(throws: EvaluationError.sizesDiffer(predicted: 1, truth: 2)) {
      try matrix.add(predicted: [0], truth: [0, 0])
    }
    #expect(throws: EvaluationError.shapesDiffer(predicted: "2 x 1", truth: "1 x 2")) {
      try matrix.add(predicted: IndexImage(width: 2, height: 1), truth: IndexImage(width: 1, height: 2))
    }
    #expect(throws: EvaluationError.classOutOfRange(value: 3, classes: 2, isPrediction: false)) {
      try matrix.add(predicted: [0, 0], truth: [0, 3])
    }
    #expect(throws: EvaluationError.classOutOfRange(value: 255, classes: 2, isPrediction: true)) {
      try matrix.add(predicted: [0, 255], truth: [0, 0])
    }
    #expect(matrix == before)
    try matrix.add(predicted: IndexImage(width: 2, height: 1, index: 2), truth: IndexImage(width: 2, height: 1))
    #expect(matrix[truth: 0, predicted: 2] == before[truth: 0, predicted: 2] + 2)
  }

  @Test("A matrix without counts has no figures.")
  func nothingCountedHasNoFigures() throws {
    var matrix = ConfusionMatrix(classes: 20)
    try matrix.add(predicted: [], truth: [])
    try matrix.add(predicted: [1, 1], truth: [255, 255])
    #expect(matrix.pixels == 0)
    #expect(matrix.meanIoUWithBackground == nil && matrix.meanIoUObjects == nil)
    #expect(matrix.meanIoUPresent == nil && matrix.pixelAccuracy == nil && matrix.mostFrequentObjectClass == nil)
  }

  @Test("A constant prediction equals an image filled with one class.")
  func constantPredictionsAreThoseOfAnImageFilledWithOneClass() throws {
    let truth: [UInt8] = [0, 0, 0, 0, 0, 2, 2, 3, 3, 1, 255]
    var matrix = ConfusionMatrix(classes: 3)
    try matrix.add(predicted: [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2], truth: truth)
    for label in 0...3 {
      var filled = ConfusionMatrix(classes: 3)
      try filled.add(predicted: truth.map { _ in UInt8(label) }, truth: truth)
      #expect(matrix.predictingEverywhere(label) == filled)
    }
    #expect(matrix.mostFrequentObjectClass == 2, "the lowest of equal classes, and never background")
    #expect(matrix.predictingEverywhere(0).meanIoUWithBackground == 0.5 / 4)
    #expect(matrix.predictingEverywhere(2).pixelAccuracy == 0.2)
  }
}
