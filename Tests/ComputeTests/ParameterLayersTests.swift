// The layers of a parameter table, and the factors that its layers declare.
import Compute
import Testing

@Suite struct ParameterLayersTests {
  private let unfolding = Im2ColShape(channels: 16, height: 4, width: 5, kernel: 3)

  private var table: ParameterTable {
    ParameterTable([
      ParameterSpec("one.conv.weight", [16, 16, 3, 3], .weight, layer: "one.conv", section: "one"),
      ParameterSpec("one.conv.bias", [16], .bias, layer: "one.conv", section: "one"),
      ParameterSpec("one.conv.bn.scale", [16], .batchNormScale, layer: "one.conv", section: "one"),
      ParameterSpec(
        "two.fc.weight", [32, 16, 3, 3], .weight, layer: "two.fc", section: "two", gradient: .factored,
        factors: FactorShape(rowsPerImage: 6, unfolding: unfolding)),
      ParameterSpec("two.fc.bias", [32], .bias, layer: "two.fc", section: "two"),
      ParameterSpec(
        "two.next.weight", [8, 32], .weight, layer: "two.next", section: "two", gradient: .factored,
        factors: FactorShape(rowsPerImage: 6, unfolding: nil)),
    ])
  }

  @Test("Layers come in the order of the table, each with the indices of its parameters.") func layers() {
    #expect(
      table.layers == [
        LayerParameters(name: "one.conv", indices: [0, 1, 2]), LayerParameters(name: "two.fc", indices: [3, 4]),
        LayerParameters(name: "two.next", indices: [5]),
      ])
    #expect(table.layer("two.fc") == table.layers[1])
    #expect(table.layer("one").indices.isEmpty)
    #expect(ParameterTable([]).layers.isEmpty)
  }

  @Test("A parameter that names no layer is a layer of its own, in a section without a name.") func defaults() {
    let spec = ParameterSpec("w", [3], .weight)
    #expect(spec.layer == "w" && spec.section == "" && spec.gradient == .stored && spec.factors == nil)
    #expect(ParameterTable([spec, ParameterSpec("v", [3], .bias)]).layers.map(\.name) == ["w", "v"])
  }

  @Test("Sections stay with their parameters.") func sections() {
    #expect(table.parameters.map(\.section) == ["one", "one", "one", "two", "two", "two"])
  }

  @Test("Factors have as many rows as images and positions together.", arguments: [1, 2, 7])
  func factorRows(images: Int) {
    #expect(table.factorRows(images: images) == 6 * images)
    let unfoldings = table.factorUnfoldings(images: images)
    #expect(Array(unfoldings.keys) == ["two.fc.weight"])
    #expect(unfoldings["two.fc.weight"]?.rows == 6 * images)
    #expect(unfoldings["two.fc.weight"]?.columns == 16 * 9)
    #expect(unfoldings["two.fc.weight"]?.mapFloats == images * 16 * 20)
  }

  @Test("Factored layers of one table must have equally many rows.") func unequalRowsAreRefused() async {
    await #expect(processExitsWith: .failure) {
      let table = ParameterTable(
        [4, 6].map {
          ParameterSpec(
            "w\($0)", [2, 2], .weight, gradient: .factored, factors: FactorShape(rowsPerImage: $0, unfolding: nil))
        })
      _ = table.factorRows(images: 1)
    }
  }
}
