// `dnet model`: digests, inspection, comparison and export of weights.
import ArgumentParser
import Checkpoints
import Compute
import Evaluation
import Foundation
import Images
import Support
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
      var rows = [["tensor", "shape", "least", "largest", "mean", "rms", "bytes"]]
      for tensor in tensors {
        let figures = [tensor.minimum.map(Double.init), tensor.maximum.map(Double.init), tensor.mean, tensor.rms].map {
          $0.map { String(format: "%.4g", $0) } ?? "-"
        }
        let bad = [(tensor.notANumber, "NaN"), (tensor.infinite, "infinite")].filter { $0.0 > 0 }.map {
          "\($0.0) \($0.1)"
        }
        rows.append(
          [tensor.name, WeightsDigest.shapeText(tensor.shape)] + figures
            + ["\(tensor.bytes)", bad.joined(separator: ", ")])
      }
      let columns: [TextTable.Alignment] = [.left, .left, .right, .right, .right, .right, .right, .left]
      TextTable.lines(rows, columns: columns).forEach { print($0) }
      let ratio = Double(report.fileBytes) / Double(max(report.tensorBytes, 1))
      print(
        "\(tensors.count) tensors, \(report.tensorBytes / 4) values, \(report.tensorBytes) bytes; the file has "
          + "\(report.fileBytes), " + String(format: "%.1f%%", 100 * ratio))
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
        TextTable.lines(different.map { [$0.name, Self.text($0)] }, columns: [.left]).forEach { print($0) }
        print(
          different.isEmpty
            ? "\(all.count) tensors, all equal bit for bit" : "\(different.count) of \(all.count) tensors differ")
      }
      if !different.isEmpty { throw ExitCode(1) }
    }

    private static func text(_ difference: TensorDifference) -> String {
      switch difference.kind {
      case .equal: return "equal"
      case .shapesDiffer: return "has another shape"
      case .onlyInFirst: return "is in the first only"
      case .onlyInSecond: return "is in the second only"
      case .differs:
        return String(
          format: "%d values, largest difference %.4g, relative %.4g", difference.differing,
          difference.largestAbsolute, difference.largestRelative)
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
  print(String(decoding: try JSONText.encode(value), as: UTF8.self), terminator: "")
}
