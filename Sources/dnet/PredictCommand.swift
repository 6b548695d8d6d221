import ArgumentParser
import Datasets
import Evaluation
import Foundation
import Images
import Networks
import Workers

struct PredictCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "predict",
    abstract: "Segments pictures: NAME.png is the palette mask, NAME_overlay.png what a person looks at.")

  @Argument(help: "A model.safetensors.zst, a checkpoint's directory or a finished run's.")
  var model: String

  @Argument(help: "Pictures, JPEG or PNG.")
  var images: [String]

  @Option(help: "The folder for the masks.")
  var output: String

  @Option(help: "Threads; 0 takes all cores that the process may use.")
  var threads: Int = 0

  func validate() throws {
    if images.isEmpty { throw ValidationError("name at least one picture after the model") }
    let names = images.map(Self.name)
    if let twice = names.first(where: { name in names.count { $0 == name } > 1 }) {
      throw ValidationError("two pictures are called \(twice) and would share \(twice).png: predict them into two folders")
    }
  }

  func run() throws {
    let net = try ModelFile.load(model)
    let workers = WorkerPool(threads: threads > 0 ? threads : AvailableCores.count)
    let segmenter = Segmenter(net, images: min(DatasetEvaluation.batch, images.count), bench: Workbench(workers: workers))
    let names = Array(ClassNames.voc[0...net.shape.classes])
    try FileBytes.makeFolder(output)
    for start in stride(from: 0, to: images.count, by: segmenter.images) {
      let paths = images[start..<min(start + segmenter.images, images.count)]
      let pictures = try paths.map { try Photograph.decode(file: $0) }
      for ((path, picture), result) in zip(zip(paths, pictures), segmenter.segment(pictures)) {
        let base = "\(output)/\(Self.name(path))"
        try PNG.write(result.mask, to: "\(base).png")
        try PNG.write(picture.overlaid(result.mask), to: "\(base)_overlay.png")
        print("\(base).png: \(Self.words(result, names))")
      }
    }
  }

  /// Classes above the threshold with their scores and shares of the picture.
  private static func words(_ result: Segmentation, _ names: [String]) -> String {
    let counts = result.mask.counts
    let pixels = Double(result.mask.width * result.mask.height)
    let found = result.labels.indices.filter { result.labels[$0] }.map {
      String(
        format: "%@ (score %.2f, %.0f%% of the picture)", names[$0 + 1], result.labelScores[$0],
        100 * Double(counts[$0 + 1]) / pixels)
    }
    return found.isEmpty ? "no class above the threshold" : found.joined(separator: ", ")
  }

  private static func name(_ path: String) -> String {
    URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
  }
}
