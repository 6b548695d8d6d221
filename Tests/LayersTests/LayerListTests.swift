// Layer lists: names, shapes, tables and costs.
import Compute
import Layers
import Testing

@Suite struct LayerListTests {
  private var list: LayerList {
    var list = LayerList(section: "one", input: ActivationShape(.planes, channels: 3, size: 12))
    list.convolution3x3("first", 16, normalization: .vgg16BN)
    list.maxPooling("pool1", keepsOutput: true)
    list.convolution3x3("second", 32, normalization: nil)
    list.maxPooling("pool2")
    list.section = "two"
    list.fullyConvolutional("fc", 48, kernel: 2, gradient: .factored, normalization: .authors)
    list.dropout("drop", stream: 3)
    list.transposedFullyConvolutional("deconv", 32, kernel: 2, normalization: .authors)
    list.unpooling("unpool", indicesOf: "one.pool2")
    list.transposedConvolution3x3("last", 16, normalization: .authors)
    list.pixelScore("score")
    return list
  }

  @Test("Names begin with the section that was current when the layer was appended.") func names() {
    #expect(
      list.specs.map(\.name) == [
        "one.first", "one.pool1", "one.second", "one.pool2", "two.fc", "two.drop", "two.deconv", "two.unpool",
        "two.last",
        "two.score",
      ])
    #expect(list.fullName("x") == "two.x")
    for parameter in list.parameterTable.parameters {
      #expect(parameter.name.hasPrefix(parameter.section + ".") && parameter.name.hasPrefix(parameter.layer + "."))
    }
  }

  @Test("Each layer's input is the output of the layer before it.") func shapes() {
    let list = list
    for (one, next) in zip(list.specs, list.specs.dropFirst()) { #expect(one.output == next.input, "\(next.name)") }
    #expect(
      list.specs.map { [$0.output.channels, $0.output.height, $0.output.width] } == [
        [16, 12, 12], [16, 6, 6], [32, 6, 6], [32, 3, 3], [48, 2, 2], [48, 2, 2], [32, 3, 3], [32, 6, 6], [16, 6, 6],
        [2, 6, 6],
      ])
    #expect(
      list.specs.map(\.output.layout) == [
        .maps, .maps, .maps, .maps, .rows, .rows, .maps, .maps, .maps, .planes,
      ])
    #expect(list.shape == list.specs.last?.output)
    let shape = ActivationShape(.maps, channels: 16, height: 3, width: 5)
    #expect(shape.pixels == 15 && shape.count == 240)
    #expect(ActivationShape(.rows, channels: 4, size: 2) == ActivationShape(.rows, channels: 4, height: 2, width: 2))
  }

  @Test("Parameters and statistics lie in the order of the layers.") func tables() {
    let names = list.parameterTable.parameters.map(\.name)
    let normalized = ["weight", "bias", "bn.scale", "bn.shift"]
    #expect(
      names == normalized.map { "one.first.\($0)" } + ["weight", "bias"].map { "one.second.\($0)" }
        + normalized.map { "two.fc.\($0)" } + normalized.map { "two.deconv.\($0)" }
        + normalized.map { "two.last.\($0)" }
        + ["weight", "bias"].map { "two.score.\($0)" })
    #expect(
      list.statisticsTable.parameters.map(\.name)
        == ["one.first", "two.fc", "two.deconv", "two.last"].flatMap { ["\($0).bn.mean", "\($0).bn.variance"] })
    #expect(
      list.parameterTable.layers.map(\.name)
        == ["one.first", "one.second", "two.fc", "two.deconv", "two.last", "two.score"])
    #expect(list.parameterTable.factorRows(images: 3) == 12)
    #expect(list.parameterTable.factorUnfoldings(images: 3).keys.sorted() == ["two.deconv.weight", "two.fc.weight"])
    let empty = LayerList(section: "one", input: ActivationShape(.rows, channels: 3, size: 1))
    #expect(empty.parameterTable.parameters.isEmpty && empty.multiplyAdds == 0 && empty.largestMaps == 0)
  }

  @Test("The largest maps are found among inputs and outputs in channel blocks only.") func largestMaps() {
    #expect(list.largestMaps == 16 * 144)
    var rows = LayerList(section: "n", input: ActivationShape(.maps, channels: 32, size: 3))
    rows.fullyConvolutional("fc", 4096, kernel: 3, gradient: .factored)
    #expect(rows.largestMaps == 32 * 9)
  }

  @Test("Multiply-adds are summed; only the first convolution has a cheaper backward pass.") func multiplyAdds() {
    let counts = [
      3 * 16 * 9 * 144, 0, 16 * 32 * 9 * 36, 0, 32 * 4 * 48 * 4, 0, 48 * 32 * 4 * 4, 0, 32 * 16 * 9 * 36, 16 * 2 * 36,
    ]
    #expect(list.specs.map(\.multiplyAdds) == counts)
    #expect(list.multiplyAdds == counts.reduce(0, +))
    #expect(list.backwardMultiplyAdds == 2 * list.multiplyAdds - counts[0])
  }

  @Test("Only layers that were appended so keep their outputs.") func keptOutputs() {
    let list = list
    #expect(list.specs.filter { list.keepsOutput($0) }.map(\.name) == ["one.pool1"])
  }

  @Test("Two layers of one name are refused.") func namesAreUnique() async {
    await #expect(processExitsWith: .failure) {
      var list = LayerList(section: "n", input: ActivationShape(.maps, channels: 16, size: 8))
      list.maxPooling("pool")
      list.maxPooling("pool")
    }
  }

  @Test("The same name may stand in two sections.") func sectionsSeparateNames() {
    var list = LayerList(section: "a", input: ActivationShape(.maps, channels: 16, size: 8))
    list.maxPooling("pool")
    list.section = "b"
    list.maxPooling("pool")
    #expect(list.specs.map(\.name) == ["a.pool", "b.pool"])
  }

  @Test("Maps of odd size cannot be pooled.") func oddMapsAreRefused() async {
    await #expect(processExitsWith: .failure) {
      var list = LayerList(section: "n", input: ActivationShape(.maps, channels: 16, size: 7))
      list.maxPooling("pool")
    }
  }
}
