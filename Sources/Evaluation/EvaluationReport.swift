// The result of an evaluation, as a table for people and as JSON for programs.
import Foundation
import Support

/// The report that `dnet evaluate` prints and writes. Fractions are in 0...1, or nil (null in JSON) where they would be
/// 0 / 0.
package struct EvaluationReport: Sendable, Equatable, Codable {
  package struct ClassFigures: Sendable, Equatable, Codable {
    package let name: String
    @Nullable package private(set) var iou: Double?
    package let truthPixels: UInt64
    package let predictedPixels: UInt64
  }

  /// The scores of predicting one class for every pixel of the set.
  package struct Baseline: Sendable, Equatable, Codable {
    package let className: String
    @Nullable package private(set) var meanIoUWithBackground: Double?
    @Nullable package private(set) var meanIoUObjects: Double?
    @Nullable package private(set) var meanIoUPresent: Double?
    @Nullable package private(set) var pixelAccuracy: Double?

    private enum CodingKeys: String, CodingKey {
      case className, pixelAccuracy
      // "IoU" is one word in snake_case.
      case meanIoUWithBackground = "meanIouWithBackground"
      case meanIoUObjects = "meanIouObjects"
      case meanIoUPresent = "meanIouPresent"
    }
  }

  package struct Baselines: Sendable, Equatable, Codable {
    package let allBackground: Baseline
    /// The object class with the most pixels; nil if the set has no object.
    @Nullable package private(set) var mostFrequentClass: Baseline?
  }

  /// The label figures of one class.
  package struct LabelFigures: Sendable, Equatable, Codable {
    package let name: String
    /// Nil if no image shows the class.
    @Nullable package private(set) var averagePrecision: Double?
    /// The number of images that show the class.
    package let images: Int
  }

  /// The predictions that were judged.
  package enum Judged: String, Sendable, Codable {
    case masksAndLabels = "masks and labels"
    /// Only labels, because the model's segmentation network is not trained.
    case labels
  }

  /// The figures of image labels over all pairs of image and object class together.
  package struct Labels: Sendable, Equatable, Codable {
    @Nullable package private(set) var precision: Double?
    @Nullable package private(set) var recall: Double?
    @Nullable package private(set) var f1: Double?
    package let truePositives: UInt64
    package let falsePositives: UInt64
    package let falseNegatives: UInt64
    /// The figure of PASCAL's classification task; see LabelScores.swift.
    @Nullable package private(set) var meanAveragePrecision: Double?
    /// The object classes in their order.
    package let classes: [LabelFigures]

    init(_ counts: LabelCounts, _ scores: LabelScores, _ classNames: [String]) {
      precision = counts.precision
      recall = counts.recall
      f1 = counts.f1
      truePositives = counts.truePositives
      falsePositives = counts.falsePositives
      falseNegatives = counts.falseNegatives
      meanAveragePrecision = scores.meanAveragePrecision
      classes = classNames.indices.dropFirst().map {
        LabelFigures(
          name: classNames[$0], averagePrecision: scores.averagePrecision(of: $0), images: scores.positives(of: $0))
      }
    }
  }

  package let judged: Judged

  /// The mean over background and all object classes: 21 for VOC, K+1 for a set of K classes. Classes in neither the
  /// truth nor the prediction are left out of every mean.
  @Nullable package private(set) var meanIoUWithBackground: Double?
  /// The mean over the object classes: 20 for VOC, K for a set of K classes.
  @Nullable package private(set) var meanIoUObjects: Double?
  /// The mean over the classes in the truth, including background.
  @Nullable package private(set) var meanIoUPresent: Double?
  @Nullable package private(set) var pixelAccuracy: Double?
  /// Background first, then the object classes in their order; empty if no mask was judged.
  package let classes: [ClassFigures]
  package let labels: Labels
  @Nullable package private(set) var baselines: Baselines?
  package let images: Int
  /// The number of counted pixels, those whose truth is not 255.
  @Nullable package private(set) var pixels: UInt64?

  private enum CodingKeys: String, CodingKey {
    case judged, pixelAccuracy, classes, labels, baselines, images, pixels
    case meanIoUWithBackground = "meanIouWithBackground"
    case meanIoUObjects = "meanIouObjects"
    case meanIoUPresent = "meanIouPresent"
  }

  /// Creates a report of labels alone.
  package init(labels counts: LabelCounts, scores: LabelScores, classNames: [String]) {
    judged = .labels
    meanIoUWithBackground = nil
    meanIoUObjects = nil
    meanIoUPresent = nil
    pixelAccuracy = nil
    baselines = nil
    pixels = nil
    classes = []
    labels = Labels(counts, scores, classNames)
    images = scores.images
  }

  /// - Parameter classNames: K+1 names by mask index, background first.
  package init(
    pixels matrix: ConfusionMatrix, labels counts: LabelCounts, scores: LabelScores, images: Int,
    classNames: [String]
  ) {
    judged = .masksAndLabels
    precondition(
      classNames.count == matrix.classes + 1,
      "\(classNames.count) names were given for background and \(matrix.classes) classes")
    meanIoUWithBackground = matrix.meanIoUWithBackground
    meanIoUObjects = matrix.meanIoUObjects
    meanIoUPresent = matrix.meanIoUPresent
    pixelAccuracy = matrix.pixelAccuracy
    classes = classNames.enumerated().map { label, name in
      ClassFigures(
        name: name, iou: matrix.intersectionOverUnion(of: label), truthPixels: matrix.truthPixels(of: label),
        predictedPixels: matrix.predictedPixels(of: label))
    }
    labels = Labels(counts, scores, classNames)
    let constant = { (label: Int) in Baseline(matrix.predictingEverywhere(label), className: classNames[label]) }
    baselines = Baselines(
      allBackground: constant(0), mostFrequentClass: matrix.mostFrequentObjectClass.map(constant))
    self.images = images
    pixels = matrix.pixels
  }
}

extension EvaluationReport.Baseline {
  init(_ matrix: ConfusionMatrix, className: String) {
    self.init(
      className: className, meanIoUWithBackground: matrix.meanIoUWithBackground,
      meanIoUObjects: matrix.meanIoUObjects, meanIoUPresent: matrix.meanIoUPresent,
      pixelAccuracy: matrix.pixelAccuracy)
  }
}

extension EvaluationReport {
  /// Returns the report as JSON with sorted keys; a figure without a value is null.
  package func json() throws -> Data { try JSONText.encode(self) }

  /// Tables of the classes, of means and baselines, and of label figures. Percentages have one decimal, or `-` where
  /// there is nothing to divide by.
  package var table: String {
    var lines = [labelTable, "", labelLine]
    if let baselines {
      lines = maskTable(baselines) + ["", labelLine]
    } else {
      lines.insert(
        contentsOf: ["labels only: the segmentation network is not trained, so no mask was judged", ""], at: 0)
    }
    lines.append("\(grouped(UInt64(images))) images" + (pixels.map { ", \(grouped($0)) pixels" } ?? ""))
    return lines.joined(separator: "\n") + "\n"
  }

  private func maskTable(_ baselines: Baselines) -> [String] {
    let objects = classes.count - 1
    func row(_ name: String, _ value: Double?, _ figure: KeyPath<Baseline, Double?>) -> [String] {
      [
        name, percent(value), percent(baselines.allBackground[keyPath: figure]),
        percent(baselines.mostFrequentClass.flatMap { $0[keyPath: figure] }),
      ]
    }
    return TextTable.lines(
      [["class", "IoU %", "true pixels", "predicted pixels"]]
        + classes.map { [$0.name, percent($0.iou), grouped($0.truthPixels), grouped($0.predictedPixels)] })
      + [""]
      + TextTable.lines(
        [
          ["", "this model", "all background", baselines.mostFrequentClass.map { "all \($0.className)" } ?? "-"],
          row("mean IoU %, \(objects + 1) with background", meanIoUWithBackground, \.meanIoUWithBackground),
          row("mean IoU %, \(objects) without background", meanIoUObjects, \.meanIoUObjects),
          row("mean IoU %, those in the truth", meanIoUPresent, \.meanIoUPresent),
          row("pixel accuracy %", pixelAccuracy, \.pixelAccuracy),
        ])
  }

  private var labelTable: String {
    TextTable.lines(
      [["class", "average precision %", "images with it"]]
        + labels.classes.map { [$0.name, percent($0.averagePrecision), grouped(UInt64($0.images))] }
    ).joined(separator: "\n")
  }

  private var labelLine: String {
    "labels: precision \(percent(labels.precision)) %, recall \(percent(labels.recall)) %, F1 \(percent(labels.f1)) %, "
      + "mean average precision \(percent(labels.meanAveragePrecision)) %"
  }

  private func percent(_ value: Double?) -> String {
    value.map { String(format: "%.1f", 100 * $0) } ?? "-"
  }

  private func grouped(_ count: UInt64) -> String {
    let digits = Array(String(count))
    return String(
      digits.indices.flatMap { $0 > 0 && (digits.count - $0) % 3 == 0 ? [",", digits[$0]] : [digits[$0]] })
  }
}
