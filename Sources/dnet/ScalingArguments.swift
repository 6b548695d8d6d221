// `dnet bench --scaling`: whole iterations on all ranks, under mpirun or alone.
import ArgumentParser
import Benchmarks
import Cluster
import Foundation
import Images
import Support
import Training

struct ScalingArguments: ParsableArguments {
  @Flag(help: "Measures iterations of training on random data instead, on all ranks together: run it under mpirun.")
  var scaling = false

  @Option(help: "With --scaling: shards of a minibatch.")
  var shards: Int = 16

  @Option(help: "With --scaling: iterations that the median is taken of, after three that are not counted.")
  var iterations: Int = 6

  @Option(help: "With --scaling: classification, segmentation or both.")
  var phase: String = "both"

  @Flag(help: "With --scaling: --shards are those of one rank, so that the minibatch grows with the ranks.")
  var weak = false

  @Flag(help: "With --scaling: predicts other numbers of nodes and other links from the times of this run.")
  var predict = false

  @Option(help: "With --predict: numbers of nodes.")
  var nodes: String = "1,2,4,8,16"

  @Option(help: "With --predict: Gbit/s of each node's link.")
  var gigabits: String = "1,10,25,100"

  @Option(
    name: .customLong("set"),
    help: ArgumentHelp("With --scaling: changes a key of the configuration.", valueName: "key.path=value"))
  var settings: [String] = []

  @Option(help: "With --scaling: writes a timeline of all ranks, as dnet-train's.")
  var trace: String?

  func validate() throws {
    if shards < 1 { throw ValidationError("--shards \(shards): it takes at least 1") }
    if iterations < 1 { throw ValidationError("--iterations \(iterations): it takes at least 1") }
    guard phase == "both" || Phase(rawValue: phase) != nil else {
      throw ValidationError("--phase \(phase): it takes classification, segmentation or both")
    }
    if predict && !scaling { throw ValidationError("--predict goes with --scaling") }
    guard let counts = numbers(nodes), !counts.isEmpty,
      counts.allSatisfy({ (1...65536).contains($0) && $0 == $0.rounded() })
    else {
      throw ValidationError("--nodes \(nodes): it takes whole numbers such as 1,2,4")
    }
    guard let rates = numbers(gigabits), !rates.isEmpty, rates.allSatisfy({ $0 > 0 }) else {
      throw ValidationError("--gigabits \(gigabits): it takes numbers such as 1,10,25")
    }
  }

  private func numbers(_ list: String) -> [Double]? {
    let numbers = list.split(separator: ",").map { Double($0.trimmingCharacters(in: .whitespaces)) }
    return numbers.contains(nil) ? nil : numbers.compactMap { $0 }
  }

  func run(_ bench: BenchCommand) throws {
    Startup.keepMemory()
    try runCollectively("dnet bench") { communicator in
      let options = try communicator.rethrowOnAllRanks {
        var options = try ScalingOptions(
          width: bench.width, size: bench.size, batchNormalization: bench.batchNormalization, threads: bench.threads,
          shards: shards,
          shardSize: bench.shardSize, phases: phase == "both" ? Phase.allCases : [Phase(rawValue: phase)!],
          iterations: iterations,
          isWeak: weak, ranks: communicator.size, settings: settings)
        options.trace = trace
        if predict { (options.nodes, options.gigabits) = (numbers(nodes)!.map { Int($0) }, numbers(gigabits)!) }
        return options
      }
      let report = try ScalingBenchmark.run(options, communicator) { Processor.peakMemoryBytes }
      try communicator.rethrowOnAllRanks {
        guard communicator.rank == 0 else { return }
        print(report.text, terminator: "")
        if let json = bench.json { try FileBytes.write(report.json(), to: json) }
      }
    }
  }
}
