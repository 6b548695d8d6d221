// Tests of the evaluation report as a table and as JSON.
import Evaluation
import Foundation
import Support
import Testing

@Suite struct EvaluationReportTests {
  /// 1,234 pixels of background, of which one is missed, four of `cat`, and none of `dog`.
  func smallReport() throws -> EvaluationReport {
    var matrix = ConfusionMatrix(classes: 2)
    try matrix.add(
      predicted: Array(repeating: 0, count: 1233) + [1, 1, 1, 1, 0],
      truth: Array(repeating: 0, count: 1234) + [1, 1, 1, 1])
    var labels = LabelCounts()
    labels.add(predicted: [true, false], truth: [true, true])
    var scores = LabelScores(classes: 2)
    scores.add(scores: [0.9, 0.4], truth: [true, false])
    scores.add(scores: [0.6, 0.1], truth: [false, false])
    scores.add(scores: [0.5, 0.2], truth: [true, false])
    return EvaluationReport(
      pixels: matrix, labels: labels, scores: scores, images: 3, classNames: ["background", "cat", "dog"])
  }

  @Test("The report has the figures of the matrix and the labels.")
  func figures() throws {
    let report = try smallReport()
    #expect(report.meanIoUWithBackground == (1233.0 / 1235 + 3.0 / 5) / 2)
    #expect(report.meanIoUObjects == 3.0 / 5)
    #expect(report.meanIoUPresent == report.meanIoUWithBackground)
    #expect(report.pixelAccuracy == 1236.0 / 1238)
    #expect(report.classes.map(\.name) == ["background", "cat", "dog"])
    #expect(report.baselines?.allBackground.meanIoUWithBackground == 1234.0 / 1238 / 2)
    #expect(report.baselines?.allBackground.meanIoUObjects == 0)
    #expect(report.baselines?.mostFrequentClass?.className == "cat")
    #expect(report.baselines?.mostFrequentClass?.meanIoUObjects == 4.0 / 1238)
    #expect(report.labels.recall == 0.5 && report.labels.precision == 1)
    #expect(report.pixels == 1238 && report.images == 3)
  }

  @Test("The table is aligned and complete.")
  func tableIsAlignedAndComplete() throws {
    #expect(
      try smallReport().table == """
        class       IoU %  true pixels  predicted pixels
        background   99.8        1,234             1,234
        cat          60.0            4                 4
        dog             -            0                 0

                                          this model  all background  all cat
        mean IoU %, 3 with background           79.9            49.8      0.2
        mean IoU %, 2 without background        60.0             0.0      0.3
        mean IoU %, those in the truth          79.9            49.8      0.2
        pixel accuracy %                        99.8            99.7      0.3

        labels: precision 100.0 %, recall 50.0 %, F1 66.7 %, mean average precision 83.3 %
        3 images, 1,238 pixels

        """)
  }

  @Test("The table of an empty set has dashes.")
  func tableOfAnEmptySet() {
    let report = EvaluationReport(
      pixels: ConfusionMatrix(classes: 1), labels: LabelCounts(), scores: LabelScores(classes: 1), images: 0,
      classNames: ["background", "cat"])
    #expect(report.table.contains("pixel accuracy %                           -               -  -"))
    #expect(report.baselines?.mostFrequentClass == nil && report.baselines != nil)
  }

  @Test("The JSON has every key and is read back.")
  func jsonHoldsEveryKeyAndReadsBack() throws {
    let report = try smallReport()
    let data = try report.json()
    #expect(try JSONText.decode(EvaluationReport.self, from: data) == report)
    #expect(try report.json() == data)
    let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    #expect(
      Set(object.keys) == [
        "judged", "mean_iou_with_background", "mean_iou_objects", "mean_iou_present", "pixel_accuracy", "classes",
        "labels", "baselines", "images", "pixels",
      ])
    #expect(object["judged"] as? String == "masks and labels")
    let classes = try #require(object["classes"] as? [[String: Any]])
    #expect(classes.map { $0["name"] as? String } == ["background", "cat", "dog"])
    #expect(classes[2]["iou"] is NSNull, "a class without pixels has the key, with null")
    #expect(classes.allSatisfy { Set($0.keys) == ["name", "iou", "truth_pixels", "predicted_pixels"] })
    let baselines = try #require(object["baselines"] as? [String: [String: Any]])
    let accuracy = try #require(baselines["all_background"]?["pixel_accuracy"] as? Double)
    #expect(abs(accuracy - 1234.0 / 1238) < 1e-15, "JSONSerialization may miss the last bit")
  }

  /// The segmentation network of the model is not trained.
  @Test("A report of labels alone has no mask figures.")
  func labelsAlone() throws {
    var (counts, scores) = (LabelCounts(), LabelScores(classes: 2))
    counts.add(predicted: [true, true], truth: [true, false])
    scores.add(scores: [0.9, 0.8], truth: [true, false])
    let report = EvaluationReport(labels: counts, scores: scores, classNames: ["background", "cat", "dog"])
    #expect(
      report.table == """
        labels only: the segmentation network is not trained, so no mask was judged

        class  average precision %  images with it
        cat                  100.0               1
        dog                      -               0

        labels: precision 50.0 %, recall 100.0 %, F1 66.7 %, mean average precision 100.0 %
        1 images

        """)
    let data = try report.json()
    #expect(try JSONText.decode(EvaluationReport.self, from: data) == report)
    let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    let whole = try #require(try JSONSerialization.jsonObject(with: smallReport().json()) as? [String: Any])
    #expect(Set(object.keys) == Set(whole.keys) && object["judged"] as? String == "labels")
    #expect(object["mean_iou_with_background"] is NSNull && object["baselines"] is NSNull && object["pixels"] is NSNull)
    let classes = try #require((object["labels"] as? [String: Any])?["classes"] as? [[String: Any]])
    #expect(
      classes.allSatisfy { Set($0.keys) == ["name", "average_precision", "images"] }
        && classes[1]["average_precision"] is NSNull)
  }
}
