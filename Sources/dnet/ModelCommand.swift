import ArgumentParser
import Checkpoints
import Evaluation
import Foundation

struct ModelCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "model", abstract: "Looks into files of weights.", subcommands: [Digest.self, Inspect.self])

  struct Digest: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "SHA-256 over name, shape and float32 bytes of all parameters in name order.")

    @Argument(help: "A file of weights, plain or in zstd, a checkpoint's directory or a finished run's.")
    var file: String

    func run() throws { print(WeightsDigest.hex(of: try WeightsFile.read(ModelFile.resolve(file)).namedTensors)) }
  }

  struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "A table of the tensors: shape, range, mean square.")

    @Argument(help: "A file of weights, plain or in zstd, a checkpoint's directory or a finished run's.")
    var file: String

    func run() throws {
      let stored = try WeightsFile.read(ModelFile.resolve(file))
      for (key, value) in stored.metadata.sorted(by: { $0.key < $1.key }) { print("\(key): \(value)") }
      var scalars = 0
      for tensor in stored.namedTensors {
        let finite = tensor.values.filter(\.isFinite)
        let square = finite.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(max(finite.count, 1))
        let bad = tensor.values.count - finite.count
        print(
          tensor.name.padding(toLength: 44, withPad: " ", startingAt: 0)
            + WeightsDigest.shapeText(tensor.shape).padding(toLength: 18, withPad: " ", startingAt: 0)
            + String(format: "%12.4g to %-12.4g rms %.4g", finite.min() ?? 0, finite.max() ?? 0, square.squareRoot())
            + (bad > 0 ? "  \(bad) not finite" : ""))
        scalars += tensor.values.count
      }
      print("\(stored.entries.count) tensors, \(scalars) values")
    }
  }
}
