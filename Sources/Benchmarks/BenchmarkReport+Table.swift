// The text tables of a benchmark report.
import Compute
import Foundation

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

  /// A table with one line per step.
  package var stepsText: String {
    var lines = ["step".padded(16) + "images/s    s/shard  GFLOP/s  of peak  not convolution   (fastest, slowest run)"]
    for step in steps {
      lines.append(
        step.step.padded(16)
          + String(
            format: "%8.2f %10.4f %8.1f %8.2f  %@   (%.4f, %.4f s)", step.imagesPerSecond, step.medianSeconds,
            step.gflops, step.ratioToPeak,
            step.notConvolutionShare.map { String(format: "%14.1f%%", 100 * $0) } ?? "              -",
            step.seconds.min()!, step.seconds.max()!))
    }
    for step in steps {
      if let seconds = step.preparationSeconds {
        lines.append(
          String(
            format: "weights prepared for the kernels after an update of the %@ phase: %.1f ms, once for all shards",
            step.step, 1000 * seconds))
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// Returns a table of the layers of a step, with a column for each pass, followed by the other stages by kind.
  package func profileText(of step: MeasuredStep) -> String {
    let mine = layers.filter { $0.step == step.name }
    guard !mine.isEmpty else { return "" }
    let passes = ["forward", "data gradient", "weight gradient"]
    var lines = [
      "\(step.name) step: ms per shard, and GFLOP/s of direct convolution",
      "".padded(28) + passes.map { $0.leftPadded(17) }.joined() + "  of peak   share",
    ]
    var names: [String] = []
    for layer in mine where layer.gflops != nil && !names.contains(layer.fullName) { names.append(layer.fullName) }
    for name in names {
      let rows = mine.filter { $0.fullName == name }
      let cells = passes.map { pass in
        rows.first { $0.pass == pass }.map { String(format: "%9.2f %7.1f", $0.milliseconds, $0.gflops!) } ?? ""
      }
      let milliseconds = rows.reduce(0) { $0 + $1.milliseconds }
      let work = rows.reduce(0) { $0 + $1.gflops! * $1.milliseconds }
      lines.append(
        name.padded(28) + cells.map { $0.leftPadded(17) }.joined()
          + String(
            format: "%9.2f %6.1f%%", work / milliseconds / fmaPeakGflops, 100 * rows.reduce(0) { $0 + $1.shareOfStep }))
    }
    if step.phase?.hasFrozenPart ?? true {
      lines.append("(the data gradients of layers that stay fixed are the saliency pass)")
    }
    for kind in StageKind.allCases where kind != .convolution {
      let rows = mine.filter { $0.kind == kind }
      if rows.isEmpty { continue }
      let forward = rows.reduce(0) { $0 + ($1.pass == "forward" ? $1.milliseconds : 0) }
      let all = rows.reduce(0) { $0 + $1.milliseconds }
      lines.append(
        kind.rawValue.padded(28)
          + String(format: "%9.2f        ", forward).leftPadded(17)
          + String(format: "%9.2f        ", all - forward).leftPadded(17)
          + "".padded(26) + String(format: "%6.1f%%", 100 * rows.reduce(0) { $0 + $1.shareOfStep }))
    }
    let named = mine.reduce(0) { $0 + $1.shareOfStep }
    lines.append("between the stages".padded(28) + "".padded(60) + String(format: "%6.1f%%", 100 * (1 - named)))
    return lines.joined(separator: "\n") + "\n"
  }
}

extension BenchmarkReport.Layer {
  var fullName: String { "\(network).\(layer)" }
}

extension String {
  func padded(_ width: Int) -> String { count >= width ? self : self + String(repeating: " ", count: width - count) }
  func leftPadded(_ width: Int) -> String {
    count >= width ? self : String(repeating: " ", count: width - count) + self
  }
}
