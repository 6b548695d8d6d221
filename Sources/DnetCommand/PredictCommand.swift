// `dnet predict`: masks, or class scores, for image files.
import ArgumentParser
import Compute
import Datasets
import Evaluation
import Foundation
import Images
import Models
import Support
import Training

struct PredictCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "predict",
    abstract: "Segments images: writes the palette mask NAME.png and, for viewing, NAME_overlay.png.",
    discussion: """
      The model can be a checkpoint of any phase. For a checkpoint from within a phase, the batch-norm statistics are \
      first gathered from training data (--set data.root=FOLDER if the data has moved). A checkpoint of the \
      classification phase gives class scores instead of masks, and a \
      saliency map NAME_saliency_CLASS.png for each class found.
      """)

  @OptionGroup var model: ModelArguments

  @Argument(help: "Image files, JPEG or PNG.")
  var images: [String]

  @Option(help: "The directory for the masks.")
  var output: String

  @Option(help: "Also writes the scores and the share of each class to this file, as JSON.")
  var json: String?

  @Option(help: "Threads; 0 uses all cores available to the process.")
  var threads: Int = 0

  func validate() throws {
    if images.isEmpty { throw ValidationError("name at least one image after the model") }
    let names = images.map(Self.name)
    if let twice = names.first(where: { name in names.count { $0 == name } > 1 }) {
      throw ValidationError(
        "two images are called \(twice) and would share \(twice).png: predict them into two directories")
    }
  }

  func run() throws {
    let source = try ModelSource(model.path)
    try model.withNetwork(source, "dnet predict", threads: threads) { net, threads, isFirst in
      guard isFirst else { return }
      let context = ExecutionContext(workers: WorkerPool(threads: threads))
      let names = Array(ClassNames.voc[0...net.shape.classes])
      try FileBytes.makeFolder(output)
      if let reason = source.onlyLabels { say(reason) }
      let report = source.onlyLabels == nil ? try segment(net, context, names) : try score(net, context, names)
      if let json { try AtomicFile.write(report.json(), to: json) }
    }
  }

  private func segment(_ net: any Model, _ context: ExecutionContext, _ names: [String]) throws -> PredictionReport {
    let segmenter = Segmenter(net, images: min(DatasetEvaluation.batch, images.count), context: context)
    var report = PredictionReport(.masksAndLabels)
    try eachBatch(of: segmenter.images) { paths, batch in
      for ((path, image), result) in zip(zip(paths, batch), segmenter.segment(batch)) {
        let base = "\(output)/\(Self.name(path))"
        try PNG.write(result.mask, to: "\(base).png")
        try PNG.write(image.overlaid(result.mask), to: "\(base)_overlay.png")
        report.images.append(
          .init(
            image: path, mask: "\(base).png", overlay: "\(base)_overlay.png",
            scores: result.scored, counts: result.mask.counts,
            pixels: image.width * image.height, classNames: names))
        print("\(base).png: \(report.images.last!.words)")
      }
    }
    return report
  }

  /// Predicts the labels of a network whose segmentation phase has not begun.
  private func score(_ net: any Model, _ context: ExecutionContext, _ names: [String]) throws -> PredictionReport {
    guard let scorer = LabelScorer(net, images: min(DatasetEvaluation.batch, images.count), context: context) else {
      throw ModelError.noLabelScores(model: type(of: net).name)
    }
    var report = PredictionReport(.labels)
    try eachBatch(of: scorer.images) { paths, batch in
      for (place, scores) in scorer.score(batch).enumerated() {
        let path = paths[place]
        let image = batch[place]
        var entry = PredictionReport.ImagePrediction(
          image: path, mask: nil, overlay: nil, scores: scores, counts: nil, pixels: image.width * image.height,
          classNames: names)
        for label in 1..<names.count where scores.labels[label - 1] {
          let file = "\(output)/\(Self.name(path))_saliency_\(names[label]).png"
          try FileBytes.write(PNG.encodeGrey(scorer.saliency(of: label, image: place, image)), to: file)
          entry.labels[label - 1].saliency = file
        }
        report.images.append(entry)
      }
    }
    print(report.scoreTable)
    return report
  }

  private func eachBatch(of size: Int, _ body: (_ paths: [String], _ batch: [RGBImage]) throws -> Void) throws {
    for start in stride(from: 0, to: images.count, by: size) {
      let paths = Array(images[start..<min(start + size, images.count)])
      try body(paths, try paths.map { try Photograph.decode(file: $0) })
    }
  }

  private static func name(_ path: String) -> String {
    URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
  }
}
