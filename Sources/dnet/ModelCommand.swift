// `dnet model`: digests, inspection, comparison and export of weights.
import ArgumentParser
import Checkpoints
import Compute
import Evaluation
import Foundation
import Images
import Training

struct ModelCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "model", abstract: "Inspects, compares and exports weights.",
    subcommands: [Digest.self, Inspect.self, Compare.self, Export.self])

  struct Digest: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Prints the SHA-256 of name, shape and float32 bytes of all parameters in name order.")

    @Argument(help: "A weights file (.safetensors or .safetensors.zst), a checkpoint directory or a run directory.")
    var file: String

    func run() throws { print(WeightsDigest.hex(of: try WeightsFile.read(ModelFile.resolve(file)).namedTensors)) }
  }

  struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract:
        "Prints a table of the tensors with shape, range, mean, NaN count and size, and the metadata of the file."
    )

    @Argument(help: "A weights file (.safetensors or .safetensors.zst), a checkpoint directory or a run directory.")
    var file: String

    @Flag(help: "Prints JSON instead of the table.")
    var json = false

    /// The output of `--json`.
    struct Report: Encodable {
      let file: String
      let fileBytes: Int
      let tensorBytes: Int
      let metadata: [String: String]
      let manifest: Manifest?
      let tensors: [TensorSummary]
    }

    func run() throws {
      let url = try ModelFile.resolve(file)
      let checkpoint = try ModelFile.checkpoint(of: url)
      let stored = try WeightsFile.read(url)
      let tensors = stored.namedTensors.map(TensorSummary.init)
      let report = Report(
        file: url.path, fileBytes: try FileSource(url.path).size, tensorBytes: tensors.reduce(0) { $0 + $1.bytes },
        metadata: stored.metadata, manifest: checkpoint?.manifest, tensors: tensors)
      if json { return try printJSON(report) }
      for (key, value) in stored.metadata.sorted(by: { $0.key < $1.key }) { print("\(key): \(value)") }
      if let manifest = checkpoint?.manifest {
        print("checkpoint: format \(manifest.formatVersion), written by \(manifest.description.ranks) ranks, undamaged")
        print("digest: \(manifest.weightsDigest)")
        if !manifest.description.allowedChanges.isEmpty {
          let names = manifest.description.allowedChanges.map(ConfigurationKey.currentName).joined(separator: ", ")
          print("keys changed during the run: \(names)")
        }
      }
      print(Self.line("tensor", "shape", ["least", "largest", "mean", "rms", "bytes"], ""))
      for tensor in tensors {
        let figures = [tensor.minimum.map(Double.init), tensor.maximum.map(Double.init), tensor.mean, tensor.rms].map {
          $0.map { String(format: "%.4g", $0) } ?? "-"
        }
        let bad = [(tensor.notANumber, "NaN"), (tensor.infinite, "infinite")].filter { $0.0 > 0 }.map {
          "\($0.0) \($0.1)"
        }
        print(
          Self.line(
            tensor.name, WeightsDigest.shapeText(tensor.shape), figures + ["\(tensor.bytes)"],
            bad.joined(separator: ", ")))
      }
      let ratio = Double(report.fileBytes) / Double(max(report.tensorBytes, 1))
      print(
        "\(tensors.count) tensors, \(report.tensorBytes / 4) values, \(report.tensorBytes) bytes; the file has "
          + "\(report.fileBytes), " + String(format: "%.1f%%", 100 * ratio))
    }

    private static func line(_ name: String, _ shape: String, _ figures: [String], _ remark: String) -> String {
      name.padding(toLength: max(40, name.count + 1), withPad: " ", startingAt: 0)
        + shape.padding(toLength: 16, withPad: " ", startingAt: 0)
        + figures.map { String(repeating: " ", count: max(1, 12 - $0.count)) + $0 }.joined()
        + (remark.isEmpty ? "" : "  " + remark)
    }
  }

  struct Compare: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Prints the largest difference of each tensor of two models; exits with status 1 if any bit differs.")

    @Argument(help: "A weights file (.safetensors or .safetensors.zst), a checkpoint directory or a run directory.")
    var first: String

    @Argument(help: "The weights to compare with, in any of these forms.")
    var second: String

    @Flag(help: "Prints JSON instead of the table.")
    var json = false

    func run() throws {
      let all = TensorDifference.between(
        try WeightsFile.read(ModelFile.resolve(first)), try WeightsFile.read(ModelFile.resolve(second)))
      let different = all.filter { $0.kind != .equal }
      if json {
        try printJSON(all)
      } else {
        for difference in different { print(Self.line(difference)) }
        print(
          different.isEmpty
            ? "\(all.count) tensors, all equal bit for bit" : "\(different.count) of \(all.count) tensors differ")
      }
      if !different.isEmpty { throw ExitCode(1) }
    }

    private static func line(_ difference: TensorDifference) -> String {
      let name = difference.name.padding(toLength: max(44, difference.name.count + 1), withPad: " ", startingAt: 0)
      switch difference.kind {
      case .equal: return name + "equal"
      case .shapesDiffer: return name + "has another shape"
      case .onlyInFirst: return name + "is only in the first"
      case .onlyInSecond: return name + "is only in the second"
      case .differs:
        return name
          + String(
            format: "%d values, largest difference %.4g, relative %.4g", difference.differing,
            difference.largestAbsolute,
            difference.largestRelative)
          + (difference.notFinite > 0 ? ", \(difference.notFinite) not finite" : "")
      }
    }
  }

  struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Writes a model as plain safetensors.",
      discussion:
        "Under mpirun the ranks share the gathering of statistics; the file does not depend on their number."
    )

    @OptionGroup var model: ModelArguments

    @Option(help: "The file to write; compressed by zstd if its name ends in .zst.")
    var output: String

    @Flag(
      name: [.customLong("fold-batch-norm"), .customLong("fold")],
      help: "Folds batch normalization into the adjacent weights; the outputs of the model stay the same.")
    var foldBatchNorm = false

    @Flag(help: "Gathers the statistics of a checkpoint from within a phase first; --fold-batch-norm implies it.")
    var statistics = false

    @Option(help: "Threads per rank for gathering; 0 divides the available cores among the ranks that share them.")
    var threads: Int = 0

    func run() throws {
      let source = try ModelSource(model.path)
      if foldBatchNorm, source.onlyLabels != nil {
        throw source.labelsOnlyError
      }
      guard foldBatchNorm || (statistics && source.needsStatistics) else {
        return try ModelFile.export(source.url, to: output)
      }
      try model.withNetwork(source, "dnet model export", threads: threads) { net, _, isFirst in
        if isFirst { try ModelFile.export(net, to: output, folding: foldBatchNorm) }
      }
    }
  }
}

private func printJSON(_ value: some Encodable) throws {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
  print(String(decoding: try encoder.encode(value), as: UTF8.self))
}
