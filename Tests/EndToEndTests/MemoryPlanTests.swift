// Tests of the memory table that `--dry-run` prints.
import Foundation
import Testing

extension EndToEnd {
  @Suite(.serialized) struct MemoryPlanTests {
    private func table(_ lines: [String], of phase: String) -> [String: [Int]] {
      let start = lines.firstIndex { $0.hasPrefix("\(phase):") && $0.contains("memory in MiB") } ?? lines.endIndex
      let rows = lines[start...].dropFirst().prefix { $0.hasPrefix("  ") }
      return Dictionary(
        uniqueKeysWithValues: rows.map { row in
          (
            row.prefix(22).trimmingCharacters(in: .whitespaces),
            row.dropFirst(22).split(separator: " ").compactMap { Int($0) }
          )
        })
    }

    @Test("`--dry-run` prints the memory of each rank in each phase and writes nothing.")
    func dryRunPrintsMemoryOfEveryRank() throws {
      let workplace = try Workplace()
      for ranks in [1, 3] {
        let outcome = try workplace.startTraining("run", ranks: ranks, set: ["network.width=0.25"], ["--dry-run"])
          .wait()
        #expect(outcome.status == 0, "\(outcome.output)")
        for phase in ["classification", "segmentation"] {
          let table = table(outcome.lines, of: phase)
          #expect(
            table.keys.sorted() == [
              "activations", "checkpoint snapshot", "factors", "gradients", "images kept", "momentum",
              "prepared weights", "program", "sum (MiB)", "weights",
            ], "\(outcome.output)")
          #expect(table.values.allSatisfy { $0.count == ranks })
          // Rank 0 writes the checkpoints and copies the weights. Each rank copies its own part of the momentum.
          let snapshot = try #require(table["checkpoint snapshot"])
          #expect(snapshot[0] > 0 && snapshot.dropFirst().allSatisfy { $0 < snapshot[0] })
          let (weights, momentum) = (try #require(table["weights"]), try #require(table["momentum"]))
          #expect(momentum.allSatisfy { $0 < weights[0] })
        }
        #expect(!workplace.exists("run"))
      }
    }
  }
}
