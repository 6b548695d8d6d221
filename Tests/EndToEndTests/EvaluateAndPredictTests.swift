// Tests of `dnet evaluate` and `dnet predict` on a trained model.
import Evaluation
import Foundation
import Images
import Support
import Testing

extension EndToEnd {
  @Suite(.serialized) struct EvaluateAndPredictTests {
    @Test("The metrics do not depend on the number of ranks and equal a plain count over the predicted masks.")
    func metricsAgreeWithPredictedMasks() throws {
      let workplace = try Workplace()
      try workplace.train("run", ranks: 2)
      let arguments = ["evaluate", "run", "--data", "data", "--list", "ImageSets/Segmentation/trainval.txt", "--json"]
      for ranks in [nil, 1, 2, 3] {
        let outcome = try workplace.start("dnet", ranks: ranks, arguments + ["metrics-\(ranks ?? 0).json"]).wait()
        #expect(outcome.status == 0, "\(outcome.output)")
        #expect(outcome.lines.count { $0.hasPrefix("background") } == 1, "\(outcome.output)")
        #expect(try workplace.read("metrics-\(ranks ?? 0).json") == workplace.read("metrics-0.json"))
      }
      let report = try JSONText.decode(EvaluationReport.self, from: workplace.read("metrics-0.json"))

      let ids = try workplace.ids("trainval")
      let images = ids.map { "data/JPEGImages/\($0).jpg" }
      let outcome = try workplace.start(
        "dnet", ["predict", "run/model.safetensors.zst"] + images + ["--output", "masks"]
      ).wait()
      #expect(outcome.status == 0 && outcome.lines.count == ids.count, "\(outcome.output)")
      #expect(workplace.contents("masks").count == 2 * ids.count)
      var counts = [[Int]](repeating: [0, 0, 0, 0], count: 4)
      for (id, image) in zip(ids, images) {
        let photograph = try Photograph.decode(file: workplace.file(image))
        let mask = try PNG.decodeIndices(file: workplace.file("masks/\(id).png"))
        let overlay = try PNG.decodeRGB(file: workplace.file("masks/\(id)_overlay.png"))
        #expect(mask.width == photograph.width && mask.height == photograph.height)
        #expect(overlay.width == photograph.width && overlay.height == photograph.height)
        let truth = try PNG.decodeIndices(file: workplace.file("data/SegmentationClassAug/\(id).png"))
        for (truth, predicted) in zip(truth.indices, mask.indices) where truth != 255 {
          counts[Int(truth)][Int(predicted)] += 1
        }
      }
      let all = counts.flatMap { $0 }.reduce(0, +)
      #expect(report.images == ids.count && report.pixels == UInt64(all))
      var predictedObjects = 0
      for label in 0...3 {
        let predicted = (0...3).reduce(0) { $0 + counts[$1][label] }
        let truth = counts[label].reduce(0, +)
        let union = truth + predicted - counts[label][label]
        #expect(
          report.classes[label].predictedPixels == UInt64(predicted)
            && report.classes[label].truthPixels == UInt64(truth))
        #expect(abs((report.classes[label].iou ?? -1) - Double(counts[label][label]) / Double(union)) < 1e-12)
        if label > 0 { predictedObjects += predicted }
      }
      #expect(predictedObjects > 0, "the model predicts background only, so the comparison proves little")
      let right = (0...3).reduce(0) { $0 + counts[$1][$1] }
      #expect(abs((report.pixelAccuracy ?? -1) - Double(right) / Double(all)) < 1e-12)
    }

    @Test("Invalid models, images and lists are refused with one message.")
    func invalidInputIsReportedOnce() throws {
      let workplace = try Workplace()
      try workplace.train("run", ranks: 2)
      let model = "run/checkpoints/segmentation-000003"
      try workplace.write("words", to: "empty/words.txt")
      let image = "data/JPEGImages/\(try workplace.ids()[0]).jpg"
      let bytes = try workplace.read(image)
      try workplace.write(bytes.prefix(bytes.count / 2), to: "cut.jpg")
      try workplace.write("words", to: "words.txt")
      let masks = try workplace.start("dnet", ["data", "synthesize", "five", "--images", "40", "--classes", "5"]).wait()
      #expect(masks.status == 0, "\(masks.output)")
      let evaluations: [([String], [String])] = [
        (["words.txt", "--data", "data"], ["words.txt", "safetensors"]),
        ([image, "--data", "data"], [".jpg", "is it a safetensors file?"]),
        (["absent", "--data", "data"], ["no model at absent", "give a model.safetensors.zst"]),
        (["empty", "--data", "data"], ["no model at empty", "give a model.safetensors.zst"]),
        ([model, "--data", "absent"], ["absent", "JPEGImages"]),
        ([model, "--data", "data", "--list", "absent.txt"], ["absent.txt", "check the path"]),
        ([model, "--data", "five"], ["there are 3 classes", "network.classes"]),
        ([model, "--data", "data", "--json", "absent/metrics.json"], ["absent/metrics.json", "check the folder"]),
      ]
      let predictions: [([String], [String])] = [
        (["words.txt", image], ["words.txt", "safetensors"]), ([model, "words.txt"], ["words.txt", "convert it"]),
        ([model, image, "cut.jpg"], ["cut.jpg", "fetch it again"]),
        ([model, "absent.jpg"], ["absent.jpg", "check the path"]),
        ([model, image, image], ["two images are called"]),
      ]
      var refusals = evaluations.flatMap { arguments, words in
        [nil, 2].map { ranks in
          Refusal(name: "evaluate \(arguments)", words: words) {
            try workplace.start("dnet", ranks: ranks, ["evaluate"] + arguments)
          }
        }
      }
      refusals += predictions.map { arguments, words in
        Refusal(name: "predict \(arguments)", words: words) {
          try workplace.start("dnet", ["predict"] + arguments + ["--output", "masks"])
        }
      }
      refusals.append(
        Refusal(name: "predict below a file", words: ["words.txt/masks: Not a directory", "check the folder"]) {
          try workplace.start("dnet", ["predict", model, image, "--output", "words.txt/masks"])
        })
      try Refusal.expect(refusals)
      #expect(workplace.contents("masks").isEmpty)
    }
  }
}
