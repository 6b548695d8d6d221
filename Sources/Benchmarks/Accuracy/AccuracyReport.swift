// The errors of all fast kernels against sums in Double, as a table and as JSON.
import Foundation
import Models
import Support

package struct AccuracyReport: Encodable, Sendable {
  /// One result of one kernel at one shape.
  package struct Row: Encodable, Sendable {
    package let kernel: String
    /// The layers of this shape, and the shape: channels, or inputs and outputs of a product, and the side of the maps.
    package let layers: String
    /// The number of terms of each sum; 1 where nothing is summed.
    package let terms: Int
    /// The number of elements that were compared.
    package let samples: Int
    /// The number of elements of the result.
    package let elements: Int
    /// The largest error, relative to the largest magnitude among the samples.
    package let maximumError: Double
    /// The norm of the error over the norm of the truth.
    package let relativeL2: Double
    /// The same for plain loops in float32, where each sum is one chain of fused multiply-adds in its plain order.
    package let directMaximumError: Double
    package let directRelativeL2: Double
  }

  package let width: Double
  package let size: Int
  package let shardSize: Int
  package let instructionSet: String
  package let blasCore: String
  package var rows: [Row] = []

  package init(_ shape: NetworkShape, shardSize: Int, blasCore: String) {
    width = shape.width
    size = shape.inputSize
    self.shardSize = shardSize
    instructionSet = Processor.compiledLevel.text
    self.blasCore = blasCore
  }

  /// The table in Markdown.
  package var table: String {
    var lines = [
      "Width \(String(format: "%g", width)), \(size) x \(size), shards of \(shardSize); "
        + "compiled for \(instructionSet), OpenBLAS as \(blasCore).",
      "",
      "| kernel | layers | terms | compared | max error | L2 error | direct: max | direct: L2 |",
      "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows {
      let compared = row.samples == row.elements ? "all \(row.elements)" : "\(row.samples)"
      let errors = [row.maximumError, row.relativeL2, row.directMaximumError, row.directRelativeL2].map(Self.text)
      lines.append(
        "| \(row.kernel) | \(row.layers) | \(row.terms) | \(compared) | \(errors.joined(separator: " | ")) |")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func text(_ error: Double) -> String { error == 0 ? "0" : String(format: "%.1e", error) }

  package func json() throws -> Data { try JSONText.encode(self) }
}
