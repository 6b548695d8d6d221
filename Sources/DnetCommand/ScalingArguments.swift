// The arguments of `dnet bench --scaling`, which measures whole training iterations on all ranks, under mpirun or
// alone.
import ArgumentParser
import Benchmarks
import Cluster
import Foundation
import Images
import Models
import Scaling
import Support
import Training

struct ScalingArguments: ParsableArguments {
  @Flag(help: "Measures training iterations on random data instead, on all ranks; run it under mpirun.")
  var scaling = false

  @Option(help: "With --scaling: the shards of a minibatch.")
  var shards: Int = 16

  @Option(help: "With --scaling: the number of measured iterations, after three that are not measured.")
  var iterations: Int = 6

  @Option(help: "With --scaling: the name of one of the model's phases, or all.")
  var phase: String = "all"

  @Flag(help: "With --scaling: takes --shards for each rank, so that the minibatch grows with the ranks.")
  var weak = false

  @Flag(help: "With --scaling: predicts other numbers of nodes and other links from this run's times.")
  var predict = false

  @Option(help: "With --predict: the numbers of nodes.")
  var nodes: String = "1,2,4,8,16"

  @Option(help: "With --predict: the link rates in Gbit/s.")
  var gigabits: String = "1,10,25,100"

  @Option(
    name: .customLong("set"),
    help: ArgumentHelp("With --scaling: sets a key of the configuration.", valueName: "key.path=value"))
  var settings: [String] = []

  @Option(help: "With --scaling: writes a timeline of all ranks, as dnet-train does.")
  var trace: String?

  func validate() throws {
    if shards < 1 { throw ValidationError("--shards \(shards): use at least 1") }
    if iterations < 1 { throw ValidationError("--iterations \(iterations): use at least 1") }
    if predict && !scaling { throw ValidationError("--predict needs --scaling") }
    guard let counts = numbers(nodes), !counts.isEmpty,
      counts.allSatisfy({ (1...65536).contains($0) && $0 == $0.rounded() })
    else {
      throw ValidationError("--nodes \(nodes): use whole numbers such as 1,2,4")
    }
    guard let rates = numbers(gigabits), !rates.isEmpty, rates.allSatisfy({ $0 > 0 }) else {
      throw ValidationError("--gigabits \(gigabits): use positive numbers such as 1,10,25")
    }
  }

  private func numbers(_ list: String) -> [Double]? {
    let numbers = list.split(separator: ",").map { Double($0.trimmingCharacters(in: .whitespaces)) }
    return numbers.contains(nil) ? nil : numbers.compactMap { $0 }
  }

  func run(_ bench: BenchCommand) throws {
    Startup.keepFreedMemory()
    try runCollectively("dnet bench") { communicator in
      let options = try communicator.rethrowOnAllRanks {
        var options = try ScalingOptions(
          model: bench.model, width: bench.width, size: bench.size, batchNormalization: bench.batchNormalization,
          threads: bench.threads, shards: shards, shardSize: bench.shardSize,
          phases: ["all", "both"].contains(phase) ? nil : [phase], iterations: iterations, isWeak: weak,
          ranks: communicator.size, settings: settings)
        options.trace = trace
        if predict {
          options.nodes = numbers(nodes)!.map { Int($0) }
          options.gigabits = numbers(gigabits)!
        }
        return options
      }
      let report = try ScalingBenchmark.run(options, communicator) { Processor.peakMemoryBytes }
      try communicator.rethrowOnAllRanks {
        guard communicator.rank == 0 else { return }
        print(report.text, terminator: "")
        if let json = bench.json { try AtomicFile.write(report.json(), to: json) }
      }
    }
  }
}
