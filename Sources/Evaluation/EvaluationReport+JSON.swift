// The report as JSON. A figure without a value is written as null, so that every key is always there;
// the encoding that the compiler writes would leave such keys out.
import Foundation

extension EvaluationReport {
  /// JSON text with sorted keys and a line break at its end: the same figures give the same bytes.
  package func json() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(self) + Data("\n".utf8)
  }

  enum CodingKeys: String, CodingKey {
    case judged, meanIoU21, meanIoU20, meanIoUPresent, pixelAccuracy, classes, labels, baselines, images, pixels
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(judged, forKey: .judged)
    try container.encode(meanIoU21, forKey: .meanIoU21)
    try container.encode(meanIoU20, forKey: .meanIoU20)
    try container.encode(meanIoUPresent, forKey: .meanIoUPresent)
    try container.encode(pixelAccuracy, forKey: .pixelAccuracy)
    try container.encode(classes, forKey: .classes)
    try container.encode(labels, forKey: .labels)
    try container.encode(baselines, forKey: .baselines)
    try container.encode(images, forKey: .images)
    try container.encode(pixels, forKey: .pixels)
  }
}

extension EvaluationReport.ClassFigures {
  enum CodingKeys: String, CodingKey { case name, iou, truthPixels, predictedPixels }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(name, forKey: .name)
    try container.encode(iou, forKey: .iou)
    try container.encode(truthPixels, forKey: .truthPixels)
    try container.encode(predictedPixels, forKey: .predictedPixels)
  }
}

extension EvaluationReport.Baseline {
  enum CodingKeys: String, CodingKey { case className, meanIoU21, meanIoU20, meanIoUPresent, pixelAccuracy }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(className, forKey: .className)
    try container.encode(meanIoU21, forKey: .meanIoU21)
    try container.encode(meanIoU20, forKey: .meanIoU20)
    try container.encode(meanIoUPresent, forKey: .meanIoUPresent)
    try container.encode(pixelAccuracy, forKey: .pixelAccuracy)
  }
}

extension EvaluationReport.Baselines {
  enum CodingKeys: String, CodingKey { case allBackground, mostFrequentClass }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(allBackground, forKey: .allBackground)
    try container.encode(mostFrequentClass, forKey: .mostFrequentClass)
  }
}

extension EvaluationReport.Labels {
  enum CodingKeys: String, CodingKey {
    case precision, recall, f1, truePositives, falsePositives, falseNegatives, meanAveragePrecision, classes
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(precision, forKey: .precision)
    try container.encode(recall, forKey: .recall)
    try container.encode(f1, forKey: .f1)
    try container.encode(truePositives, forKey: .truePositives)
    try container.encode(falsePositives, forKey: .falsePositives)
    try container.encode(falseNegatives, forKey: .falseNegatives)
    try container.encode(meanAveragePrecision, forKey: .meanAveragePrecision)
    try container.encode(classes, forKey: .classes)
  }
}

extension EvaluationReport.LabelFigures {
  enum CodingKeys: String, CodingKey { case name, averagePrecision, images }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(name, forKey: .name)
    try container.encode(averagePrecision, forKey: .averagePrecision)
    try container.encode(images, forKey: .images)
  }
}
