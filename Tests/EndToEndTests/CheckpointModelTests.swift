// Tests of checkpoints as models: `dnet evaluate`, `dnet predict` and `dnet model export` on checkpoints of each phase.
import Checkpoints
import Evaluation
import Foundation
import Images
import Support
import Testing

extension EndToEnd {
  @Suite(.serialized) struct CheckpointModelTests {
    private let list = ["--list", "ImageSets/Segmentation/trainval.txt"]

    private func command(_ workplace: Workplace, ranks: Int? = nil, _ arguments: [String]) throws -> Outcome {
      let outcome = try workplace.start("dnet", ranks: ranks, arguments).wait()
      #expect(outcome.status == 0, "\(arguments): \(outcome.output)")
      return outcome
    }

    private func digest(_ workplace: Workplace, _ file: String) throws -> String {
      try command(workplace, ["model", "digest", file]).lines.last ?? ""
    }

    /// Compares a run of k iterations with checkpoint k of a longer run on other ranks, in both phases.
    @Test(
      "A checkpoint from within a phase becomes the model of a run that ends there.",
      arguments: ["random", "edgeboxes"])
    func statisticsEqualThoseOfAShorterRun(proposals: String) throws {
      let workplace = try Workplace()
      let set = ["checkpoint.every=1", "checkpoint.keep=9", "data.proposals=\(proposals)"]
      try workplace.train("long", ranks: 2, set: set + ["segmentation.iterations=5"])
      let crops = workplace.exists("long/crops.txt") ? try workplace.read("long/crops.txt") : []
      try workplace.train("short", ranks: 1, set: set + ["segmentation.iterations=2"])
      let checkpoint = "long/checkpoints/segmentation-000002"
      let before = workplace.contents("long")
      let wanted = try digest(workplace, "short/model.safetensors.zst")
      #expect(
        try digest(workplace, checkpoint) != wanted, "the checkpoint already has statistics, so the test proves nothing"
      )
      for ranks in [nil, 2, 3] {
        let output = "gathered-\(ranks ?? 0).safetensors"
        let outcome = try command(
          workplace, ranks: ranks, ["model", "export", checkpoint, "--output", output, "--statistics"])
        #expect(
          outcome.lines.count { $0.contains("gathering batch-norm statistics over 11 shards") } == 1,
          "\(outcome.output)")
        #expect(try digest(workplace, output) == wanted, "\(ranks ?? 1) ranks")
      }
      #expect(workplace.contents("long") == before, "the run was modified")
      #expect(proposals == "random" || !crops.isEmpty)
      // A copy of the checkpoint, without the crops of the run.
      try workplace.copy(checkpoint, to: "alone")
      _ = try command(workplace, ["model", "export", "alone", "--output", "alone.safetensors", "--statistics"])
      #expect(try digest(workplace, "alone.safetensors") == wanted)

      guard proposals == "random" else { return }
      // The same comparison in the classification phase.
      try workplace.train("half", ranks: 3, set: set + ["classification.iterations=2"], ["--phase", "classification"])
      let half = "long/checkpoints/classification-000002"
      #expect(try digest(workplace, half) != digest(workplace, "half"))
      for ranks in [nil, 2] {
        _ = try command(
          workplace, ranks: ranks,
          ["model", "export", half, "--output", "half-\(ranks ?? 0).safetensors", "--statistics"])
        #expect(try digest(workplace, "half-\(ranks ?? 0).safetensors") == digest(workplace, "half"))
      }
      // Metrics and masks agree as well.
      for (name, model) in [("short", "short"), ("gathered", checkpoint)] {
        let metrics = try command(
          workplace, ranks: name == "short" ? nil : 2,
          ["evaluate", model, "--data", "data", "--json", "\(name).json"] + list)
        #expect(metrics.output.contains("mean IoU"))
        let images = try workplace.ids().prefix(6).map { "data/JPEGImages/\($0).jpg" }
        _ = try command(
          workplace, ["predict", model] + images + ["--output", "masks-\(name)", "--json", "masks-\(name).json"])
      }
      #expect(try workplace.read("short.json") == workplace.read("gathered.json"))
      #expect(
        workplace.contents("masks-short") == workplace.contents("masks-gathered")
          && workplace.contents("masks-short").count == 12)
    }

    @Test("Checkpoints of the classification phase predict labels and no masks.")
    func classificationCheckpointsPredictLabels() throws {
      let workplace = try Workplace()
      try workplace.train("run", ranks: 2, set: ["checkpoint.every=1", "checkpoint.keep=9"])
      let (whole, half) = ("run/checkpoints/classification-000004", "run/checkpoints/classification-000003")
      // The finished model has the same classification network and therefore the same labels.
      for (number, (model, ranks)) in [("run", nil), (whole, nil), (whole, 2), (half, nil), (half, 3)].enumerated() {
        let outcome = try command(
          workplace, ranks: ranks, ["evaluate", model, "--data", "data", "--json", "\(number).json"] + list)
        #expect(outcome.output.contains("labels only") == (number > 0), "\(outcome.output)")
        #expect(
          outcome.output.contains("mean IoU") == (number == 0) && outcome.output.contains("mean average precision"))
      }
      let reports = try (0..<5).map {
        try JSONText.decode(EvaluationReport.self, from: workplace.read("\($0).json"))
      }
      #expect(reports.map(\.judged) == [.masksAndLabels, .labels, .labels, .labels, .labels])
      #expect(reports[0].labels == reports[1].labels && reports[1] == reports[2] && reports[3] == reports[4])
      #expect(reports[1].images == (try workplace.ids("trainval").count) && reports[1].meanIoUWithBackground == nil)
      #expect(reports[1].labels.classes.allSatisfy { $0.averagePrecision != nil })

      let images = try workplace.ids().prefix(5).map { "data/JPEGImages/\($0).jpg" }
      let outcome = try command(
        workplace, ["predict", whole] + images + ["--output", "labels", "--json", "labels.json"])
      #expect(
        outcome.output.contains("labels only") && outcome.lines.contains { $0.hasPrefix("image ") },
        "\(outcome.output)")
      let object = try JSONSerialization.jsonObject(with: Data(workplace.read("labels.json"))) as? [String: Any]
      let entries = try #require(object?["images"] as? [[String: Any]])
      #expect(object?["judged"] as? String == "labels" && entries.count == 5)
      var maps = 0
      for entry in entries {
        #expect(entry["mask"] is NSNull)
        for label in try #require(entry["labels"] as? [[String: Any]]) {
          #expect((label["is_present"] as? Bool) == ((label["score"] as? Double ?? -1) > 0.5))
          #expect((label["is_present"] as? Bool) == (label["saliency"] is String))
          if let file = label["saliency"] as? String {
            maps += 1
            let map = try PNG.decodeIndices(file: workplace.file(file))
            let image = try Photograph.decode(file: workplace.file(entry["image"] as? String ?? ""))
            #expect(map.width == image.width && map.height == image.height)
          }
        }
      }
      #expect(workplace.contents("labels").count == maps)
    }

    /// Without batch normalization the classification phase has no statistics to gather. Such a network may have
    /// diverged, so its scores may be NaN.
    @Test("A classification network without batch normalization is evaluated without training data.")
    func modelWithoutStatisticsNeedsNoData() throws {
      let workplace = try Workplace()
      try workplace.train(
        "run", ranks: 2, set: ["network.batchNormalization=false", "checkpoint.every=1", "checkpoint.keep=9"],
        ["--max-iterations", "4"])
      try FileManager.default.moveItem(atPath: workplace.file("data"), toPath: workplace.file("moved"))
      let images = try FileManager.default.contentsOfDirectory(atPath: workplace.file("moved/JPEGImages")).sorted()
        .prefix(3)
      for checkpoint in ["run/checkpoints/classification-000002", "run"] {
        let predicted = try command(
          workplace,
          ["predict", checkpoint] + images.map { "moved/JPEGImages/\($0)" } + [
            "--output", "labels", "--json", "labels.json",
          ])
        #expect(predicted.output.contains("labels only") && workplace.exists("labels.json"))
        let judged = try command(
          workplace, ranks: 2, ["evaluate", checkpoint, "--data", "moved", "--set", "data.root=moved"] + list)
        #expect(
          judged.output.contains("labels only")
            && judged.lines.count { $0.hasPrefix("note: --set changes nothing") } == 1)
      }
    }

    @Test("Training data that has moved, is missing or differs is named in the error.")
    func missingDataIsNamed() throws {
      let workplace = try Workplace()
      let ids = try workplace.ids()
      try workplace.train("run", ranks: 2, ["--max-iterations", "6"])
      let checkpoint = "run/checkpoints/segmentation-000002"
      _ = try command(workplace, ["model", "export", checkpoint, "--output", "before.safetensors", "--statistics"])
      try FileManager.default.moveItem(atPath: workplace.file("data"), toPath: workplace.file("moved"))
      let other = try workplace.start("dnet", ["data", "synthesize", "other", "--images", "41", "--classes", "3"])
        .wait()
      #expect(other.status == 0)
      let image = "moved/JPEGImages/\(ids[0]).jpg"
      let gone = ["no folder JPEGImages under data", "--set data.root=FOLDER", "segmentation-000002"]
      var refusals: [Refusal] = []
      for ranks in [nil, 2] {
        refusals += [
          Refusal(name: "evaluate, \(ranks ?? 0) ranks", words: gone) {
            try workplace.start("dnet", ranks: ranks, ["evaluate", checkpoint, "--data", "moved"] + list)
          },
          Refusal(name: "export, \(ranks ?? 0) ranks", words: gone) {
            try workplace.start(
              "dnet", ranks: ranks, ["model", "export", checkpoint, "--output", "none.safetensors", "--fold"])
          },
          Refusal(
            name: "other data, \(ranks ?? 0) ranks",
            words: ["data.imageLabelList has the SHA-256", "--set data.root=FOLDER"]
          ) {
            try workplace.start(
              "dnet", ranks: ranks, ["evaluate", checkpoint, "--data", "moved", "--set", "data.root=other"] + list)
          },
        ]
      }
      refusals += [
        Refusal(name: "predict", words: gone) {
          try workplace.start("dnet", ["predict", checkpoint, image, "--output", "masks"])
        },
        Refusal(name: "another key", words: ["--set seed=2", "may be set"]) {
          try workplace.start("dnet", ["evaluate", checkpoint, "--data", "moved", "--set", "seed=2"] + list)
        },
        Refusal(name: "no key", words: ["data.rot", "did you mean data.root"]) {
          try workplace.start("dnet", ["evaluate", checkpoint, "--data", "moved", "--set", "data.rot=moved"] + list)
        },
        Refusal(name: "folded labels", words: ["classification phase", "dnet evaluate"]) {
          try workplace.start(
            "dnet",
            ["model", "export", "run/checkpoints/classification-000004", "--fold", "--output", "none.safetensors"])
        },
      ]
      try Refusal.expect(refusals)
      #expect(!workplace.exists("none.safetensors") && !workplace.exists("masks"))
      for ranks in [nil, 2] {
        _ = try command(
          workplace, ranks: ranks,
          [
            "model", "export", checkpoint, "--output", "after-\(ranks ?? 0).safetensors", "--statistics", "--set",
            "data.root=moved",
          ])
        #expect(try workplace.read("after-\(ranks ?? 0).safetensors") == workplace.read("before.safetensors"))
      }
    }
  }
}
