import ArgumentParser
import Datasets
import Evaluation
import Foundation
import Images
import Networks
import Training
import Compute

struct PredictCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "predict",
    abstract: "Segments pictures: NAME.png is the palette mask, NAME_overlay.png what a person looks at.",
    discussion: """
      A checkpoint of any phase will do. One from within a phase has its batch-norm statistics gathered from training data first \
      (--set data.root=FOLDER where the data has moved). One of the classification phase gives scores of classes in place of \
      masks, and for each class found NAME_saliency_CLASS.png, white where the network sees it.
      """)

  @OptionGroup var model: ModelArguments

  @Argument(help: "Pictures, JPEG or PNG.")
  var images: [String]

  @Option(help: "The folder for the masks.")
  var output: String

  @Option(help: "Also writes scores, and the shares of the classes, to this file.")
  var json: String?

  @Option(help: "Threads; 0 takes all cores that the process may use.")
  var threads: Int = 0

  func validate() throws {
    if images.isEmpty { throw ValidationError("name at least one picture after the model") }
    let names = images.map(Self.name)
    if let twice = names.first(where: { name in names.count { $0 == name } > 1 }) {
      throw ValidationError(
        "two pictures are called \(twice) and would share \(twice).png: predict them into two folders")
    }
  }

  func run() throws {
    let source = try ModelSource(model.path)
    try model.withNetwork(source, "dnet predict", threads: threads) { net, threads, isFirst in
      guard isFirst else { return }
      let context = ExecutionContext(workers: WorkerPool(threads: threads))
      let names = Array(ClassNames.voc[0...net.shape.classes])
      try FileBytes.makeFolder(output)
      if let why = source.onlyLabels { say(why) }
      let report = source.onlyLabels == nil ? try segment(net, context, names) : try score(net, context, names)
      if let json { try FileBytes.write(report.json(), to: json) }
    }
  }

  private func segment(_ net: DecoupledNet, _ context: ExecutionContext, _ names: [String]) throws -> PredictionReport {
    let segmenter = Segmenter(net, images: min(DatasetEvaluation.batch, images.count), context: context)
    var report = PredictionReport(.masksAndLabels)
    try eachBatch(of: segmenter.images) { paths, pictures in
      for ((path, picture), result) in zip(zip(paths, pictures), segmenter.segment(pictures)) {
        let base = "\(output)/\(Self.name(path))"
        try PNG.write(result.mask, to: "\(base).png")
        try PNG.write(picture.overlaid(result.mask), to: "\(base)_overlay.png")
        report.images.append(
          .init(
            image: path, mask: "\(base).png", overlay: "\(base)_overlay.png",
            scores: result.scored, counts: result.mask.counts,
            pixels: picture.width * picture.height, classNames: names))
        print("\(base).png: \(report.images.last!.words)")
      }
    }
    return report
  }

  /// Of a network that makes no masks.
  private func score(_ net: DecoupledNet, _ context: ExecutionContext, _ names: [String]) throws -> PredictionReport {
    let scorer = LabelScorer(net, images: min(DatasetEvaluation.batch, images.count), context: context)
    var report = PredictionReport(.labels)
    try eachBatch(of: scorer.images) { paths, pictures in
      for (place, scores) in scorer.score(pictures).enumerated() {
        let (path, picture) = (paths[place], pictures[place])
        var entry = PredictionReport.ImagePrediction(
          image: path, mask: nil, overlay: nil, scores: scores, counts: nil, pixels: picture.width * picture.height,
          classNames: names)
        for label in 1..<names.count where scores.labels[label - 1] {
          let file = "\(output)/\(Self.name(path))_saliency_\(names[label]).png"
          try FileBytes.write(PNG.encodeGrey(scorer.saliency(of: label, image: place, picture)), to: file)
          entry.labels[label - 1].saliency = file
        }
        report.images.append(entry)
      }
    }
    print(report.scoreTable)
    return report
  }

  private func eachBatch(of size: Int, _ body: (_ paths: [String], _ pictures: [RGBImage]) throws -> Void) throws {
    for start in stride(from: 0, to: images.count, by: size) {
      let paths = Array(images[start..<min(start + size, images.count)])
      try body(paths, try paths.map { try Photograph.decode(file: $0) })
    }
  }

  private static func name(_ path: String) -> String {
    URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
  }
}
