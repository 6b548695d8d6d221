// The table of kernel errors: every kernel is in it, within its bound.
import Benchmarks
import Compute
import Foundation
import Models
import Testing

struct AccuracyTests {
  private static let report = AccuracyBenchmark(
    DecoupledNet(NetworkShape(width: 0.0625, inputSize: 96, classes: 5, batchNormalization: false)), images: 2,
    samples: 500, workers: WorkerPool(threads: 2)
  ).run()

  @Test("Every kernel is within its bound.") func everyKernelIsWithinItsBound() throws {
    let bounds = [
      ("Winograd forward", 3e-6), ("Winograd data gradient", 3e-6), ("Winograd weight gradient", 3e-6),
      ("planar convolution forward", 1e-6), ("planar convolution weight gradient", 2e-6), ("product forward", 2e-6),
      ("product data gradient", 2e-6), ("product weight gradient", 1e-6), ("row bias gradient", 1e-6),
      ("folding", 1e-6),
      ("batch norm mean", 1e-6), ("batch norm variance", 1e-6), ("batch norm y", 2e-6),
      ("batch norm scale gradient", 1e-5),
      ("batch norm shift gradient", 1e-5), ("batch norm dx", 2e-6), ("bias gradient", 1e-5), ("max pooling", 0),
      ("unpooling", 0), ("score forward", 1e-6), ("score data gradient", 1e-6), ("score weight gradient", 1e-5),
      ("score bias gradient", 1e-5), ("exp", 3e-7), ("log(1 + x)", 3e-7), ("sigmoid", 3e-7), ("softplus", 3e-7),
      ("score average", 3e-7), ("sigmoid cross-entropy", 1e-6), ("sigmoid cross-entropy gradient", 1e-6),
      ("softmax", 3e-7), ("softmax loss", 1e-6), ("softmax loss gradient", 1e-6), ("momentum buffer", 3e-7),
      ("momentum weights", 3e-7),
    ]
    let report = Self.report
    #expect(Set(report.rows.map(\.kernel)) == Set(bounds.map(\.0)))
    for (kernel, bound) in bounds {
      for row in report.rows where row.kernel == kernel {
        #expect(row.relativeL2 <= bound && row.maximumError <= 10 * bound, "\(row)")
        #expect(row.samples == min(row.elements, 500) && row.directRelativeL2 < 1e-3, "\(row)")
      }
    }
    // Winograd's transforms cost digits: an error of nothing would be one that was not measured.
    #expect(report.rows.contains { $0.kernel == "Winograd forward" && $0.relativeL2 > 1e-7 })
  }

  @Test("The table and the file have every row.") func theTableAndTheFileHoldEveryRow() throws {
    let report = Self.report
    #expect(report.table.split(separator: "\n").count { $0.hasPrefix("|") } == report.rows.count + 2)
    let json = try #require(try JSONSerialization.jsonObject(with: report.json()) as? [String: Any])
    let rows = try #require(json["rows"] as? [[String: Any]])
    #expect(rows.count == report.rows.count)
    for key in [
      "kernel", "layers", "terms", "samples", "maximum_error", "relative_l2", "direct_maximum_error",
      "direct_relative_l2",
    ] {
      #expect(rows[0][key] != nil, "\(key)")
    }
  }

  @Test("The number of threads changes no figure.") func theFiguresAreTheSameOnAnyNumberOfThreads() {
    let model = DecoupledNet(
      NetworkShape(width: 0.0625, inputSize: 32, classes: 2, batchNormalization: false))
    let reports = [1, 3].map {
      AccuracyBenchmark(model, images: 1, samples: 50, workers: WorkerPool(threads: $0)).run()
    }
    #expect(reports[0].table == reports[1].table)
  }
}
