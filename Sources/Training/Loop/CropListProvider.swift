// The provider of the crops for the segmentation phase, as `data.proposals` selects them: drawn for every example, read
// from a list, or generated once at the start of the run and kept in its directory.
import Batches
import Cluster
import Compute
import Datasets
import Foundation
import Images
import Proposals
import Support

package enum CropListProvider {
  /// The contents of `RUN/crops.json`. A resumed run must have the same crops.
  struct Identity: Codable, Equatable {
    var proposals: String
    var sha256: String
    var crops: Int
  }

  /// A list and its crops of the masked images.
  struct Listed {
    let list: CropList
    let records: [CropRecord]
  }

  /// Returns the list that the configuration names, read by rank 0, or nil where it names none. Collective.
  static func read(_ configuration: Configuration, _ data: TrainingData, _ communicator: Communicator) throws -> Listed?
  {
    guard !isGenerated(configuration.proposals) else { return nil }
    let list = try shared(communicator) { try Self.list(configuration.proposals, data.store) }
    return try communicator.rethrowOnAllRanks {
      Listed(list: list, records: try Self.filter(list, configuration, data))
    }
  }

  /// Returns true where crops are generated rather than read from a list.
  private static func isGenerated(_ proposals: String) -> Bool { ["random", "edgeboxes"].contains(proposals) }

  /// Returns the list of that name from the pack, or from a file under the root of the dataset or elsewhere.
  package static func list(_ name: String, _ store: any ImageStore) throws -> CropList {
    if let pack = store as? PackedSet, let bytes = try pack.cropBytes() {
      guard let list = CropList(encoded: bytes) else { throw PackError.damagedCrops(pack: pack.path) }
      if list.name == name { return list }
    }
    return try CropListReader.read((store as? VOCDirectory)?.listPath(name) ?? name)
  }

  /// Returns the crops of the segmentation phase. Generates the list of `edgeboxes`, unless the run directory has it.
  /// Collective.
  static func prepare(
    _ given: Listed?, _ configuration: Configuration, _ data: TrainingData, in run: RunDirectory,
    communicator: Communicator, workers: WorkerPool, say: (String) -> Void
  ) throws -> MaskCropBatches.Crops {
    guard configuration.proposals != "random" else { return .random }
    let listed =
      try given ?? generate(configuration, data, in: run, communicator: communicator, workers: workers, say: say)
    try communicator.rethrowOnAllRanks {
      if communicator.rank == 0 { try keepIdentity(of: listed.list, configuration, run) }
    }
    if communicator.rank == 0 {
      say("\(listed.records.count) crops of \(data.masked.count) images from \(listed.list.name)")
    }
    return .listed(listed.records, name: listed.list.name)
  }

  /// Returns the crops of an existing run without changing its directory. A list that is not there is generated in a
  /// temporary folder. Collective.
  static func reload(
    _ configuration: Configuration, _ data: TrainingData, of run: RunDirectory, _ communicator: Communicator,
    workers: WorkerPool, say: (String) -> Void
  ) throws -> MaskCropBatches.Crops {
    guard configuration.proposals != "random" else { return .random }
    var listed = try read(configuration, data, communicator)
    if listed == nil {
      let scratch = RunDirectory(
        FileManager.default.temporaryDirectory.appendingPathComponent("dnet-crops-\(UUID().uuidString)").path)
      defer { if communicator.rank == 0 { try? FileManager.default.removeItem(atPath: scratch.path) } }
      let job = try communicator.rethrowOnAllRanks { try Self.job(configuration, data) }
      let isKept = try communicator.anyRank(communicator.rank == 0 && holds(run.file("crops.txt"), job))
      try communicator.rethrowOnAllRanks { if communicator.rank == 0 && !isKept { try scratch.create() } }
      listed = try generate(
        configuration, data, in: isKept ? run : scratch, communicator: communicator, workers: workers, say: say)
    }
    guard let listed else { preconditionFailure("crops are random, listed or generated") }
    try communicator.rethrowOnAllRanks {
      if communicator.rank == 0 { try requireIdentity(of: listed.list, configuration, run) }
    }
    return .listed(listed.records, name: listed.list.name)
  }

  /// Returns true where a file is an intact list of the same origin.
  private static func holds(_ path: String, _ job: CropListJob) -> Bool {
    (try? CropListReader.read(path)).map { $0.origin == job.origin && $0.records.count == job.count.total } ?? false
  }

  /// Returns the crops of the masked images in a list.
  static func filter(_ list: CropList, _ configuration: Configuration, _ data: TrainingData) throws -> [CropRecord] {
    try list.records(
      of: data.masked, labels: data.maskedLabels, among: data.maskedCandidates, imageList: configuration.maskList,
      classNames: data.store.classNames)
  }

  /// Returns the work of generating the list of a configuration.
  package static func job(_ configuration: Configuration, _ data: TrainingData) throws -> CropListJob {
    guard let choice = ProposalChoice(named: configuration.proposals) else {
      throw CropListError.unreadable(list: configuration.proposals, reason: "it is not a source of proposals")
    }
    return try CropListJob(
      data.store, data.masked, labels: data.maskedLabels,
      cropping: CombinatorialCropping(perCombination: configuration.cropsPerCombination, seed: configuration.seed),
      source: choice.source, sourceText: choice.text)
  }

  private static func generate(
    _ configuration: Configuration, _ data: TrainingData, in run: RunDirectory, communicator: Communicator,
    workers: WorkerPool, say: (String) -> Void
  ) throws -> Listed {
    let path = run.file("crops.txt")
    let job = try communicator.rethrowOnAllRanks {
      try CropListReader.requireOneLine(path)
      return try Self.job(configuration, data)
    }
    // Any other list is replaced.
    let isThere = try communicator.anyRank(communicator.rank == 0 && holds(path, job))
    if !isThere {
      let began = MonotonicClock.now
      if communicator.rank == 0 { say("making crops: \(job.count.text)") }
      var tenths = 0
      _ = try CropListWriter.write(job, to: path, communicator, workers: workers) { done, all in
        guard done * 10 / max(all, 1) > tenths, all >= 200 else { return }
        tenths = done * 10 / all
        say("crops of \(done)/\(all) images")
      }
      if communicator.rank == 0 { say(String(format: "%@ made in %.1f s", path, MonotonicClock.now - began)) }
    }
    let list = try shared(communicator) { try CropListReader.read(path) }
    return try communicator.rethrowOnAllRanks {
      Listed(list: list, records: try Self.filter(list, configuration, data))
    }
  }

  /// Returns the list that rank 0 reads, on all ranks.
  private static func shared(_ communicator: Communicator, _ read: () throws -> CropList) throws -> CropList {
    let own: CropList? = try communicator.rethrowOnAllRanks { communicator.rank == 0 ? try read() : nil }
    if communicator.size == 1, let own { return own }
    let bytes = try communicator.broadcast(own?.encoded ?? [], from: 0)
    guard let list = CropList(encoded: bytes) else {
      preconditionFailure("rank 0 sent \(bytes.count) bytes that are not a crop list")
    }
    return list
  }

  /// Refuses crops other than those that the run began with, and records them for a later resume. For rank 0.
  private static func keepIdentity(of list: CropList, _ configuration: Configuration, _ run: RunDirectory) throws {
    let own = try requireIdentity(of: list, configuration, run)
    try run.write(String(decoding: try JSONText.encode(own), as: UTF8.self), to: "crops.json")
  }

  /// Refuses crops other than those that the run began with, once it has checkpoints.
  @discardableResult
  private static func requireIdentity(
    of list: CropList, _ configuration: Configuration, _ run: RunDirectory
  ) throws -> Identity {
    let own = Identity(proposals: configuration.proposals, sha256: list.digest, crops: list.records.count)
    if let bytes = FileManager.default.contents(atPath: run.file("crops.json")),
      let before = try? JSONText.decode(Identity.self, from: bytes), before.sha256 != own.sha256,
      !((try? FileManager.default.contentsOfDirectory(atPath: run.checkpoints)) ?? []).isEmpty
    {
      throw RunError.otherCrops(list: list.name, here: own.sha256, before: before.sha256)
    }
    return own
  }
}
