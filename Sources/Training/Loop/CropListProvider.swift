// The crops of the segmentation phase as `data.proposals` asks for them: drawn anew for every example, read from a list,
// or made once at the start of the run and kept in its directory.
import Batches
import Cluster
import Datasets
import Foundation
import Images
import Proposals
import Compute
import Support

package enum CropListProvider {
  /// What `RUN/crops.json` holds: a run that goes on must find the same crops.
  struct Identity: Codable, Equatable {
    var proposals: String
    var sha256: String
    var crops: Int
  }

  /// A list and its crops of the strong images.
  struct Listed {
    let list: CropList
    let records: [CropRecord]
  }

  /// What the configuration names, on all ranks; nil where it names no list. Read by rank 0. Collective.
  static func read(_ configuration: Configuration, _ data: TrainingData, _ communicator: Communicator) throws -> Listed?
  {
    guard !isMade(configuration.proposals) else { return nil }
    let list = try shared(communicator) { try Self.list(configuration.proposals, data.store) }
    return try communicator.rethrowOnAllRanks { Listed(list: list, records: try Self.select(list, configuration, data)) }
  }

  /// Whether the name is no list's.
  private static func isMade(_ proposals: String) -> Bool { ["random", "edgeboxes"].contains(proposals) }

  /// The list of that name in the pack, or the file under the data set's root or elsewhere.
  package static func list(_ name: String, _ store: any ImageStore) throws -> CropList {
    if let pack = store as? PackedSet, let bytes = try pack.cropBytes() {
      guard let list = CropList(encoded: bytes) else { throw PackError.damagedCrops(pack: pack.path) }
      if list.name == name { return list }
    }
    return try CropListReader.read((store as? VOCDirectory)?.listPath(name) ?? name)
  }

  /// The crops that phase two walks over. Makes the list of `edgeboxes`, unless the run's directory has it. Collective.
  static func settle(
    _ given: Listed?, _ configuration: Configuration, _ data: TrainingData, _ run: RunDirectory,
    _ communicator: Communicator, workers: WorkerPool, say: (String) -> Void
  ) throws -> StrongBatches.Crops {
    guard configuration.proposals != "random" else { return .random }
    let listed = try given ?? made(configuration, data, run, communicator, workers: workers, say: say)
    try communicator.rethrowOnAllRanks {
      if communicator.rank == 0 { try keepIdentity(of: listed.list, configuration, run) }
    }
    if communicator.rank == 0 {
      say("\(listed.records.count) crops of \(data.strong.count) images from \(listed.list.name)")
    }
    return .listed(listed.records, name: listed.list.name)
  }

  /// The crops of a run that has gone on from here, for reading alone: `run` keeps its list, and a list that is not there is
  /// made in a folder that is gone afterwards. Collective.
  static func again(
    _ configuration: Configuration, _ data: TrainingData, of run: RunDirectory, _ communicator: Communicator,
    workers: WorkerPool, say: (String) -> Void
  ) throws -> StrongBatches.Crops {
    guard configuration.proposals != "random" else { return .random }
    var listed = try read(configuration, data, communicator)
    if listed == nil {
      let scratch = RunDirectory(
        FileManager.default.temporaryDirectory.appendingPathComponent("dnet-crops-\(UUID().uuidString)").path)
      defer { if communicator.rank == 0 { try? FileManager.default.removeItem(atPath: scratch.path) } }
      let job = try communicator.rethrowOnAllRanks { try Self.job(configuration, data) }
      let isKept = try communicator.anyRank(communicator.rank == 0 && holds(run.file("crops.txt"), job))
      try communicator.rethrowOnAllRanks { if communicator.rank == 0 && !isKept { try scratch.create() } }
      listed = try made(configuration, data, isKept ? run : scratch, communicator, workers: workers, say: say)
    }
    guard let listed else { preconditionFailure("crops are random, listed or made") }
    try communicator.rethrowOnAllRanks { if communicator.rank == 0 { try requireIdentity(of: listed.list, configuration, run) } }
    return .listed(listed.records, name: listed.list.name)
  }

  /// Whether a file is the list of that origin: one whose SHA-256 is right is.
  private static func holds(_ path: String, _ job: CropListJob) -> Bool {
    (try? CropListReader.read(path)).map { $0.origin == job.origin && $0.records.count == job.count.total } ?? false
  }

  /// The list's crops of the strong images.
  static func select(_ list: CropList, _ configuration: Configuration, _ data: TrainingData) throws -> [CropRecord] {
    try list.records(
      of: data.strong, labels: data.strongLabels, among: data.strongCandidates, imageList: configuration.strongList,
      classNames: data.store.classNames)
  }

  /// How the list of a configuration is made.
  package static func job(_ configuration: Configuration, _ data: TrainingData) throws -> CropListJob {
    guard let choice = ProposalChoice(named: configuration.proposals) else {
      throw CropListError.unreadable(list: configuration.proposals, reason: "it is no source of proposals")
    }
    return try CropListJob(
      data.store, data.strong, labels: data.strongLabels,
      cropping: CombinatorialCropping(perCombination: configuration.cropsPerCombination, seed: configuration.seed),
      source: choice.source, sourceText: choice.text)
  }

  private static func made(
    _ configuration: Configuration, _ data: TrainingData, _ run: RunDirectory, _ communicator: Communicator,
    workers: WorkerPool, say: (String) -> Void
  ) throws -> Listed {
    let path = run.file("crops.txt")
    let job = try communicator.rethrowOnAllRanks {
      try CropListReader.requireOneLine(path)
      return try Self.job(configuration, data)
    }
    // Any other than that list is made anew.
    let isThere = try communicator.anyRank(communicator.rank == 0 && holds(path, job))
    if !isThere {
      let began = Clock.now
      if communicator.rank == 0 { say("making crops: \(job.count.text)") }
      var tenths = 0
      _ = try CropListWriter.write(job, to: path, communicator, workers: workers) { done, all in
        guard done * 10 / max(all, 1) > tenths, all >= 200 else { return }
        tenths = done * 10 / all
        say("crops of \(done)/\(all) images")
      }
      if communicator.rank == 0 { say(String(format: "%@ made in %.1f s", path, Clock.now - began)) }
    }
    let list = try shared(communicator) { try CropListReader.read(path) }
    return try communicator.rethrowOnAllRanks { Listed(list: list, records: try Self.select(list, configuration, data)) }
  }

  /// What rank 0 reads, on all ranks.
  private static func shared(_ communicator: Communicator, _ read: () throws -> CropList) throws -> CropList {
    let own: CropList? = try communicator.rethrowOnAllRanks { communicator.rank == 0 ? try read() : nil }
    if communicator.size == 1, let own { return own }
    let bytes = try communicator.broadcast(own?.encoded ?? [], from: 0)
    guard let list = CropList(encoded: bytes) else {
      preconditionFailure("rank 0 sent \(bytes.count) bytes that are no list")
    }
    return list
  }

  /// Refuses other crops than those that the run began with, and notes them for the next time. For rank 0.
  private static func keepIdentity(of list: CropList, _ configuration: Configuration, _ run: RunDirectory) throws {
    let own = try requireIdentity(of: list, configuration, run)
    try run.write(String(decoding: try JSONText.encode(own), as: UTF8.self), to: "crops.json")
  }

  /// Refuses other crops than those that the run began with, once it has checkpoints.
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
