// A temporary directory with a small synthetic dataset in `data`, in which a test trains. It is removed at the end.
import Checkpoints
import Compute
import Datasets
import Foundation
import Support
import Testing
import Training

final class Workplace {
  let path: String

  /// Settings for tiny.yaml: eight shards, so that up to eight ranks can share a minibatch.
  static let settings = ["data.root=data", "minibatch.shards=8", "batchNormalization.calibrationShards=11"]
  /// The iterations of both phases in tiny.yaml.
  static let iterations = (classification: 4, segmentation: 3)

  init() throws {
    path = NSTemporaryDirectory() + "dnet-training-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    try SyntheticSet.write(to: path + "/data", images: 40, classes: 3, seed: 1, workers: WorkerPool(threads: 2)) { _ in
    }
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  // MARK: Commands

  /// Starts a training run with the output directory `run`; nil ranks start a single process without mpirun.
  func startTraining(_ run: String, ranks: Int?, set: [String] = [], _ more: [String] = []) throws -> Job {
    let settings = (Self.settings + set).flatMap { ["--set", $0] }
    let configuration = Commands.repository + "/Configs/synthetic/tiny.yaml"
    return try Job(
      Commands.launcher(ranks) + [Commands.path("dnet-train"), configuration, "--output", run] + settings + more,
      in: path)
  }

  /// Trains to the end and expects success.
  @discardableResult
  func train(
    _ run: String, ranks: Int?, set: [String] = [], _ more: [String] = [], _ place: SourceLocation = #_sourceLocation
  ) throws -> Outcome {
    let outcome = try startTraining(run, ranks: ranks, set: set, more).wait(place)
    #expect(outcome.status == 0, "\(outcome.output)", sourceLocation: place)
    return outcome
  }

  func start(_ command: String, ranks: Int? = nil, _ arguments: [String]) throws -> Job {
    try Job(Commands.launcher(ranks) + [Commands.path(command)] + arguments, in: path)
  }

  /// The digest of an uninterrupted run on one rank.
  static let digest = Result {
    let workplace = try Workplace()
    try workplace.train("run", ranks: nil)
    return try workplace.summary("run").weightsDigest
  }

  // MARK: Files of a run

  func summary(_ run: String) throws -> RunSummary {
    let bytes = try #require(
      FileManager.default.contents(atPath: file("\(run)/summary.json")), "\(run) has no summary.json")
    return try JSONText.decode(RunSummary.self, from: bytes)
  }

  func metrics(_ run: String) -> [IterationMetrics] { MetricsLog.read(file("\(run)/metrics.jsonl")) }

  /// Returns the iterations in the log, as `classification 1`, `classification 2` and so on.
  func iterations(_ run: String) -> [String] { metrics(run).map { "\($0.phase) \($0.iteration)" } }

  /// Returns the expected value of `iterations` after this many iterations of each phase.
  static func sequence(_ classification: Int, _ segmentation: Int) -> [String] {
    (0..<classification).map { "classification \($0 + 1)" } + (0..<segmentation).map { "segmentation \($0 + 1)" }
  }

  func checkpoints(_ run: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: file("\(run)/checkpoints"))) ?? []).filter {
      $0 != CheckpointStore.latest
    }.sorted()
  }

  func weights(_ name: String) throws -> StoredTensors { try WeightsFile.read(URL(fileURLWithPath: file(name))) }

  func exists(_ name: String) -> Bool { access(file(name), F_OK) == 0 }

  /// Returns every file below a directory with its bytes.
  func contents(_ folder: String) -> [String: Data] {
    let names = FileManager.default.enumerator(atPath: file(folder))?.compactMap { $0 as? String } ?? []
    return Dictionary(
      uniqueKeysWithValues: names.map { ($0, FileManager.default.contents(atPath: file("\(folder)/\($0)")) ?? Data()) })
  }

  // MARK: Files of a test

  func write(_ bytes: some Collection<UInt8>, to name: String) throws {
    let url = URL(fileURLWithPath: file(name))
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: url)
  }

  func write(_ text: String, to name: String) throws { try write(Array(text.utf8), to: name) }

  func read(_ name: String) throws -> [UInt8] { try Array(Data(contentsOf: URL(fileURLWithPath: file(name)))) }

  func copy(_ name: String, to other: String) throws {
    try FileManager.default.copyItem(atPath: file(name), toPath: file(other))
  }

  /// Returns the image ids in a list of the synthetic dataset.
  func ids(_ list: String = "train_aug") throws -> [String] {
    String(decoding: try read("data/ImageSets/Segmentation/\(list).txt"), as: UTF8.self).split(separator: "\n").map(
      String.init)
  }
}
