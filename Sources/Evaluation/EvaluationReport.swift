// The figures of one evaluation, as a table for people and as JSON for programs.
import Foundation

/// What `dnet evaluate` prints and writes. Fractions are in 0...1, and nil (null in JSON) where they would be 0 / 0.
package struct EvaluationReport: Sendable, Equatable, Codable {
  package struct ClassFigures: Sendable, Equatable, Codable {
    package let name: String
    @Nullable package private(set) var iou: Double?
    package let truthPixels: UInt64
    package let predictedPixels: UInt64
  }

  /// What is scored by giving every pixel of the set one class.
  package struct Baseline: Sendable, Equatable, Codable {
    package let className: String
    @Nullable package private(set) var meanIoU21: Double?
    @Nullable package private(set) var meanIoU20: Double?
    @Nullable package private(set) var meanIoUPresent: Double?
    @Nullable package private(set) var pixelAccuracy: Double?
  }

  package struct Baselines: Sendable, Equatable, Codable {
    package let allBackground: Baseline
    /// The object class with most pixels, everywhere; nil where the set has no object.
    @Nullable package private(set) var mostFrequentClass: Baseline?
  }

  /// How well one class is told from the pictures without it.
  package struct LabelFigures: Sendable, Equatable, Codable {
    package let name: String
    /// nil where no picture shows the class.
    @Nullable package private(set) var averagePrecision: Double?
    /// Pictures that show it.
    package let images: Int
  }

  /// What the figures are about.
  package enum Judged: String, Sendable, Codable {
    case masksAndLabels = "masks and labels"
    /// The model's segmentation network is not trained.
    case labels
  }

  /// Image labels, over all (picture, object class) pairs together.
  package struct Labels: Sendable, Equatable, Codable {
    @Nullable package private(set) var precision: Double?
    @Nullable package private(set) var recall: Double?
    @Nullable package private(set) var f1: Double?
    package let truePositives: UInt64
    package let falsePositives: UInt64
    package let falseNegatives: UInt64
    /// As PASCAL's classification task is judged; see LabelScores.swift.
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

  /// The mean over background and all object classes: 21 for VOC, K+1 for a set of K classes. Classes that neither the
  /// truth nor the prediction holds are left out of every mean.
  @Nullable package private(set) var meanIoU21: Double?
  /// The mean over the object classes: 20 for VOC, K for a set of K classes.
  @Nullable package private(set) var meanIoU20: Double?
  /// The mean over the classes that the truth holds, background included.
  @Nullable package private(set) var meanIoUPresent: Double?
  @Nullable package private(set) var pixelAccuracy: Double?
  /// Background first, then the object classes in their order; empty where no mask was judged.
  package let classes: [ClassFigures]
  package let labels: Labels
  @Nullable package private(set) var baselines: Baselines?
  package let images: Int
  /// Pixels that counted: those whose truth is not 255.
  @Nullable package private(set) var pixels: UInt64?

  /// Of labels alone.
  package init(labels counts: LabelCounts, scores: LabelScores, classNames: [String]) {
    judged = .labels
    meanIoU21 = nil
    meanIoU20 = nil
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
    pixels matrix: ConfusionMatrix, labels counts: LabelCounts, scores: LabelScores? = nil, images: Int,
    classNames: [String]
  ) {
    judged = .masksAndLabels
    precondition(
      classNames.count == matrix.classes + 1,
      "\(classNames.count) names were given for background and \(matrix.classes) classes")
    meanIoU21 = matrix.meanWithBackground
    meanIoU20 = matrix.meanWithoutBackground
    meanIoUPresent = matrix.meanOverPresent
    pixelAccuracy = matrix.pixelAccuracy
    classes = classNames.enumerated().map { label, name in
      ClassFigures(
        name: name, iou: matrix.intersectionOverUnion(of: label), truthPixels: matrix.truthPixels(of: label),
        predictedPixels: matrix.predictedPixels(of: label))
    }
    labels = Labels(counts, scores ?? LabelScores(classes: matrix.classes), classNames)
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
      className: className, meanIoU21: matrix.meanWithBackground, meanIoU20: matrix.meanWithoutBackground,
      meanIoUPresent: matrix.meanOverPresent, pixelAccuracy: matrix.pixelAccuracy)
  }
}

extension EvaluationReport {
  /// JSON text with sorted keys; a figure without a value is null.
  package func json() throws -> Data { try ReportJSON.text(self) }
}

// The table.
extension EvaluationReport {
  /// Lines of aligned columns: a row for each class, then means, label figures, baselines and sizes; percentages with one
  /// decimal, `-` where there is nothing to divide by.
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
    return columns(
      [["class", "IoU %", "true pixels", "predicted pixels"]]
        + classes.map { [$0.name, percent($0.iou), grouped($0.truthPixels), grouped($0.predictedPixels)] })
      + [""]
      + columns(
        [
          ["", "this model", "all background", baselines.mostFrequentClass.map { "all \($0.className)" } ?? "-"],
          row("mean IoU %, \(objects + 1) with background", meanIoU21, \.meanIoU21),
          row("mean IoU %, \(objects) without background", meanIoU20, \.meanIoU20),
          row("mean IoU %, those in the truth", meanIoUPresent, \.meanIoUPresent),
          row("pixel accuracy %", pixelAccuracy, \.pixelAccuracy),
        ])
  }

  private var labelTable: String {
    columns(
      [["class", "average precision %", "images with it"]]
        + labels.classes.map { [$0.name, percent($0.averagePrecision), grouped(UInt64($0.images))] }
    ).joined(separator: "\n")
  }

  private var labelLine: String {
    "labels: precision \(percent(labels.precision)) %, recall \(percent(labels.recall)) %, F1 \(percent(labels.f1)) %, "
      + "mean average precision \(percent(labels.meanAveragePrecision)) %"
  }

  /// The first column to the left, the others to the right, two spaces between.
  private func columns(_ rows: [[String]]) -> [String] {
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      zip(row, widths).enumerated().map { column, cell in
        let padding = String(repeating: " ", count: cell.1 - cell.0.count)
        return column == 0 ? cell.0 + padding : padding + cell.0
      }.joined(separator: "  ")
    }
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
