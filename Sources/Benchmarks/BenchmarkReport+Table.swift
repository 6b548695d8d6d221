// The tables of a `dnet bench` run.
import Compute
import Foundation
import Support

extension BenchmarkReport {
  /// The properties of the machine and of the benchmark.
  package var machineText: String {
    String(
      format: """
        %@, compiled for %@, OpenBLAS as %@, threads %d
        fp32 multiply-add peak   %8.1f GFLOP/s, one thread %.1f (sgemm 2048^3 on one thread: %.1f)
        memory, triad            %8.1f GB/s
        network                  width %g, %d x %d, %d classes, shards of %d%@

        """, processor, instructionSet, blasCore, threads, fmaPeakGflops, fmaPeakGflopsOneThread, sgemmGflopsOneThread,
      memoryGbytesPerSecond, width, size, size, classes, shardSize,
      batchNormalization ? ", batch norm in the classification network" : "")
  }

  /// A table with a row for each step.
  package var stepsText: String {
    let heading = [
      "step", "images/s", "s/shard", "GFLOP/s", "of peak", "not convolution", "fastest s", "slowest s",
    ]
    let rows = steps.map { step in
      [
        step.step, Self.fixed(step.imagesPerSecond, 2), Self.fixed(step.medianSeconds, 4), Self.fixed(step.gflops, 1),
        Self.fixed(step.ratioToPeak, 2), step.notConvolutionShare.map(Self.percent) ?? "-",
        Self.fixed(step.seconds.min()!, 4), Self.fixed(step.seconds.max()!, 4),
      ]
    }
    let notes = steps.compactMap { step in
      step.preparationSeconds.map {
        String(
          format: "weights prepared for the kernels after an update of the %@ phase: %.1f ms, once for all shards",
          step.step, 1000 * $0)
      }
    }
    return (TextTable.lines([heading] + rows) + notes).joined(separator: "\n") + "\n"
  }

  /// A table of a step's layers with a column for each pass, and of the other stages by kind.
  package func profileText(of step: MeasuredStep) -> String {
    let mine = layers.filter { $0.step == step.name }
    guard !mine.isEmpty else { return "" }
    let passes = ["forward", "data gradient", "weight gradient"]
    var names: [String] = []
    for layer in mine where layer.gflops != nil && !names.contains(layer.fullName) { names.append(layer.fullName) }
    var rows = [["layer"] + passes.flatMap { [$0, "GFLOP/s"] } + ["of peak", "share"]]
    for name in names {
      let stages = mine.filter { $0.fullName == name }
      let cells = passes.flatMap { pass in
        stages.first { $0.pass == pass }.map { [Self.fixed($0.milliseconds, 2), Self.fixed($0.gflops!, 1)] } ?? [
          "", "",
        ]
      }
      let milliseconds = stages.reduce(0) { $0 + $1.milliseconds }
      let work = stages.reduce(0) { $0 + $1.gflops! * $1.milliseconds }
      rows.append([name] + cells + [Self.fixed(work / milliseconds / fmaPeakGflops, 2), Self.share(stages)])
    }
    for kind in StageKind.allCases where kind != .convolution {
      let stages = mine.filter { $0.kind == kind }
      if stages.isEmpty { continue }
      let forward = stages.reduce(0) { $0 + ($1.pass == "forward" ? $1.milliseconds : 0) }
      let all = stages.reduce(0) { $0 + $1.milliseconds }
      let cells = [Self.fixed(forward, 2), "", Self.fixed(all - forward, 2), "", "", "", ""]
      rows.append([kind.rawValue] + cells + [Self.share(stages)])
    }
    let named = mine.reduce(0) { $0 + $1.shareOfStep }
    rows.append(["between the stages"] + Array(repeating: "", count: 7) + [Self.percent(1 - named)])
    var lines = ["\(step.name) step, ms per shard and GFLOP/s of direct convolution"] + TextTable.lines(rows)
    let trained = Set(mine.filter { $0.pass == "weight gradient" }.map(\.fullName))
    if mine.contains(where: { $0.pass == "data gradient" && $0.gflops != nil && !trained.contains($0.fullName) }) {
      lines.append("(a data gradient without a weight gradient belongs to a layer that the step does not train)")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func share(_ stages: [Layer]) -> String { percent(stages.reduce(0) { $0 + $1.shareOfStep }) }
  private static func percent(_ value: Double) -> String { fixed(100 * value, 1) + "%" }
  private static func fixed(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }
}

extension BenchmarkReport.Layer {
  var fullName: String { network.isEmpty ? layer : "\(network).\(layer)" }
}
