// Tests of loading weights into a model, and of the refusal of other models' weights.
import Checkpoints
import Compute
import Foundation
import Testing

@Suite struct LoadingTests {
  private let directory = try! TemporaryDirectory()

  private func stored(_ parameters: [ParameterSpec]) throws -> StoredTensors {
    let url = directory.file("w.safetensors")
    let vector = someVector(ParameterTable(parameters))
    try WeightsFile.write(vector.namedTensors, to: url)
    return try WeightsFile.read(url)
  }

  private let a = ParameterSpec("a.weight", [4, 3], .weight)
  private let b = ParameterSpec("b.bias", [5], .bias)

  private func message(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "no error"
    } catch { return "\(error)" }
  }

  @Test("A checkpoint of another network is refused with both shapes, and changes nothing.")
  func anotherNetworkIsNamedWithBothShapes() throws {
    let network = ParameterVector(ParameterTable([a, b]))
    let narrower = try stored([ParameterSpec("a.weight", [2, 3], .weight), b])
    let text = message { try narrower.fill(network) }
    #expect(text.contains("a checkpoint of another network"))
    #expect(text.contains("a.weight has shape 2x3, the network's has 4x3") && text.contains("network.width"), "\(text)")
    #expect(
      message { try self.stored([a]).fill(network) }.contains("no tensor b.bias, which the network has in shape 5"))
    let larger = try stored([a, b, ParameterSpec("c", [2], .bias)])
    #expect(message { try larger.fill(network) }.contains("its tensor c of shape 2 is not in the network"))
    #expect(network.values.allSatisfy { $0.allSatisfy { $0 == 0 } }, "a refused file changed something")
    try larger.fill(network, othersAllowed: true)
    #expect(network.values[0] == someVector(ParameterTable([a])).values[0])
  }

  @Test("Initial weights set the parameters that the file has.")
  func initialWeightsSetWhatTheyName() throws {
    let (first, second) = (
      ParameterVector(ParameterTable([a, b])), ParameterVector(ParameterTable([ParameterSpec("c", [2], .bias)]))
    )
    withExtendedLifetime(second) { second["c"][1] = 8 }
    let file = try stored([b, ParameterSpec("unknown", [9], .weight)])
    let result = try file.setInitialWeights(of: [first, second])
    #expect(result.set == ["b.bias"] && result.left == ["a.weight", "c"])
    #expect(first.values[1] == someVector(ParameterTable([b])).values[0] && second.values == [[0, 8]])
    let other = try stored([ParameterSpec("b.bias", [6], .bias)])
    #expect(
      message { _ = try other.setInitialWeights(of: [first]) }.contains("b.bias has shape 6, the network's has 5"))
    let foreign = try stored([ParameterSpec("features.0.weight", [6], .bias)])
    #expect(message { _ = try foreign.setInitialWeights(of: [first]) }.contains("dnet model import"))
  }
}
