// The loading of a model file or of any checkpoint for inference.
//
// A model file and the checkpoint that ends the last phase hold everything that inference needs. A checkpoint from
// within a phase lacks the phase's batch-norm statistics. They are gathered as at the phase's end, with the
// configuration in the checkpoint's manifest, so the network has the bits of a run that ended at this iteration.
// Nothing is written.
import Checkpoints
import Cluster
import Compute
import Evaluation
import Foundation
import Kernels
import Models

package enum CheckpointModel {
  /// Loads the network of a source. Collective where statistics must be gathered.
  ///
  /// - Parameters:
  ///   - settings: new values of the form `key=value` for keys that may differ from the checkpoint's, such as
  ///     `data.root`.
  ///   - communicator: the communicator of all ranks; needed only where the source needs statistics.
  ///   - progress: called with the number of this rank's shards that are done, and of all of them.
  package static func load(
    _ source: ModelSource, settings: [String], communicator: Communicator?, threads: Int,
    say: @escaping (String) -> Void, progress: (Int, Int) -> Void
  ) throws -> any Model {
    guard source.needsStatistics else {
      if !settings.isEmpty {
        say("note: --set changes nothing here: only a checkpoint from within a phase needs training data")
      }
      return try ModelFile.network(source.url)
    }
    guard let checkpoint = source.checkpoint, let communicator else {
      preconditionFailure("only checkpoints lack statistics, and all ranks gather them")
    }
    let description = checkpoint.description
    let (phase, configuration, net) = try communicator.rethrowOnAllRanks {
      let configuration = try Self.configuration(of: checkpoint, settings)
      guard let phase = configuration.phases.first(where: { $0.name == description.phase }) else {
        throw CheckpointError.damaged(
          path: checkpoint.url.path, "its manifest names the phase \(description.phase)")
      }
      return (phase, configuration, try ModelFile.network(source.url))
    }
    let workers = WorkerPool(threads: threads)
    let context = ExecutionContext(workers: workers, convolution: configuration.convolution)
    let data = try communicator.rethrowOnAllRanks {
      do {
        return try trainingData(description, configuration, workers)
      } catch {
        throw CheckpointModelError.noData(
          checkpoint: checkpoint.url.path, iteration: description.iteration, phase: description.phase,
          place: configuration.pack.isEmpty ? configuration.dataRoot : configuration.pack, reason: "\(error)")
      }
    }
    try StartupChecks.requireSameLabels(data, communicator)
    if communicator.rank == 0 {
      say(
        "\(description.name) is from within a phase: gathering batch-norm statistics over "
          + "\(configuration.calibrationShards) shards of training data, as training does at the phase's end")
      if let other = otherArithmetic(description) { say("warning: \(other)") }
    }
    let run = RunDirectory(checkpoint.url.deletingLastPathComponent().deletingLastPathComponent().path)
    let crops =
      !phase.examples.usesCrops
      ? .random : try CropListProvider.reload(configuration, data, of: run, communicator, workers: workers, say: say)
    let step = net.makeStep(phase, shardSize: configuration.shardSize, dropoutRate: 0, context: context)
    try StatisticsGathering.gather(
      step, from: data.batches(of: phase, configuration, crops: crops), after: description.iteration,
      configuration: configuration, communicator: communicator, progress: progress)
    return net
  }

  /// The manifest's configuration with the settings applied.
  private static func configuration(of checkpoint: Checkpoint, _ settings: [String]) throws -> Configuration {
    let (text, name) = (checkpoint.description.configuration, checkpoint.url.path)
    let made = try Configuration(yaml: text, name: name)
    let configuration = try Configuration(yaml: text, name: name, settings: settings)
    // A list that has moved is recognized by its digest.
    let places: Set<String> = ["data.imageLabelList", "data.maskList", "data.proposals"]
    if let (key, here, there) = configuration.difference(from: made, except: places) {
      throw CheckpointModelError.otherKey(key: key, here: here, there: there)
    }
    return configuration
  }

  private static func trainingData(
    _ description: CheckpointDescription, _ configuration: Configuration, _ workers: WorkerPool
  ) throws -> TrainingData {
    let data = try TrainingData(configuration, workers: workers)
    let here = StartupFacts.dataDigests(configuration)
    for (spelling, digest) in description.data.sorted(by: { $0.key < $1.key }) {
      let key = ConfigurationKey.currentName(of: spelling)
      if let found = here[key], found != digest {
        throw CheckpointModelError.otherData(key: key, here: found, there: digest)
      }
    }
    return data
  }

  /// The difference in arithmetic that may change the last bits of the statistics; nil where there is none.
  private static func otherArithmetic(_ description: CheckpointDescription) -> String? {
    let here = (StartupFacts.instructionSet, "\(BLAS.version) \(BLAS.coreName)")
    guard !description.instructionSet.isEmpty, (description.instructionSet, description.blas) != here else {
      return nil
    }
    return
      "the checkpoint was written with \(description.instructionSet) and OpenBLAS \(description.blas), here are "
      + "\(here.0) and \(here.1): statistics may differ in their last bits from those of the run itself"
  }
}
