// The images that a data command works on: the masked images of a configuration, or lists.
import ArgumentParser
import Compute
import Datasets
import Proposals
import Training

struct ImageChoice: ParsableArguments {
  @Option(help: "A configuration, for its masked images, seed and number of crops.")
  var config: String?

  @Option(
    name: .customLong("set"), help: ArgumentHelp("Changes a key of the configuration.", valueName: "key.path=value"))
  var settings: [String] = []

  @Option(help: "The dataset, in place of --config: a folder with JPEGImages, SegmentationClassAug and ImageSets.")
  var data: String?

  @Option(name: .customLong("list"), help: "A list under the folder of the dataset; may be repeated.")
  var lists: [String] = []

  @Option(help: "With --data: the number of VOC's classes.")
  var classes: Int = 20

  func validate() throws {
    guard (config == nil) != (data == nil) else { throw ValidationError("give either --config or --data with --list") }
    if data != nil && lists.isEmpty {
      throw ValidationError("give --list with --data, such as ImageSets/Segmentation/train_aug.txt")
    }
    if config != nil && !lists.isEmpty {
      throw ValidationError("--list goes with --data; a configuration has its own lists")
    }
    guard (1...20).contains(classes) else { throw ValidationError("--classes \(classes) is not in 1 to 20") }
  }

  struct Chosen {
    let configuration: Configuration?
    let store: any ImageStore
    let images: [ListedImage]
    let labels: [LabelVector]
  }

  func choose(workers: WorkerPool) throws -> Chosen {
    if let config {
      let configuration = try Configuration(file: config, settings: settings)
      let data = try TrainingData(configuration, workers: workers)
      return Chosen(configuration: configuration, store: data.store, images: data.masked, labels: data.maskedLabels)
    }
    let directory = try VOCDirectory(root: data!, classes: classes)
    var seen: Set<String> = []
    let images = try lists.flatMap { try directory.images(list: $0) }.filter { seen.insert($0.id).inserted }
    return Chosen(
      configuration: nil, store: directory, images: images,
      labels: try directory.imageLabels(images, workers: workers))
  }

  /// Returns the labels only, which need no photographs.
  func labels(workers: WorkerPool) throws -> [LabelVector] {
    guard let data else { return try choose(workers: workers).labels }
    let directory = try VOCDirectory(root: data, classes: classes)
    let images = try lists.flatMap { try ImageList.read(directory.listPath($0)) }
    return try directory.imageLabels(images, workers: workers)
  }
}
