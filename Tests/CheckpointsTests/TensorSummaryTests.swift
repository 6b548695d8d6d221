// Tests of the statistics and differences of stored tensors.
import Checkpoints
import Compute
import Foundation
import Testing

@Suite struct TensorSummaryTests {
  private let directory = try! TemporaryDirectory()

  private func stored(_ name: String, _ tensors: [String: (shape: [Int], values: [Float])]) throws -> StoredTensors {
    let vector = ParameterVector(
      ParameterTable(tensors.sorted { $0.key < $1.key }.map { ParameterSpec($0, $1.shape, .weight) }))
    for (name, tensor) in tensors { _ = vector[name].update(fromContentsOf: tensor.values) }
    try WeightsFile.write(vector.namedTensors, to: directory.file(name))
    return try WeightsFile.read(directory.file(name))
  }

  @Test("Statistics leave out values that are not finite.")
  func figuresLeaveOutWhatIsNotFinite() throws {
    let file = try stored("a.safetensors", ["a": ([5], [1, -3, .nan, .infinity, 2]), "b": ([1], [.nan])])
    let a = TensorSummary(try #require(file["a"]))
    #expect(a.minimum == -3 && a.maximum == 2 && a.mean == 0 && a.bytes == 20)
    #expect(abs((a.rms ?? 0) - (14.0 / 3).squareRoot()) < 1e-12)
    #expect(a.notANumber == 1 && a.infinite == 1)
    let b = TensorSummary(try #require(file["b"]))
    #expect(b.minimum == nil && b.mean == nil && b.notANumber == 1)
  }

  @Test("The kind and the size of each difference are reported.")
  func differencesAreNamed() throws {
    let first = try stored(
      "a.safetensors", ["a": ([3], [1, 2, -4]), "b": ([2], [1, 2]), "c": ([1], [1]), "e": ([1], [.nan])])
    let second = try stored(
      "b.safetensors", ["a": ([3], [1, 2.5, -5]), "b": ([2, 1], [1, 2]), "d": ([1], [1]), "e": ([1], [.nan])])
    let differences = TensorDifference.between(first, second)
    #expect(differences.map(\.name) == ["a", "b", "c", "d", "e"])
    #expect(differences.map(\.kind) == [.differs, .shapesDiffer, .onlyInFirst, .onlyInSecond, .equal])
    #expect(
      differences[0].differing == 2 && differences[0].largestAbsolute == 1 && differences[0].largestRelative == 0.2)
    #expect(TensorDifference.between(first, first).allSatisfy { $0.kind == .equal })
  }
}
