// The places of parameters in the flat vector, the gaps between them, and access by name.
import Compute
import Testing

@Suite struct ParameterTableTests {
  static let parameters = [
    ParameterSpec("a.weight", [3, 5, 3, 3], .weight),
    ParameterSpec("a.bias", [3], .bias, rateMultiplier: 2, decayMultiplier: 0),
    ParameterSpec("b.weight", [16], .weight), ParameterSpec("b.scale", [1], .batchNormScale),
    ParameterSpec("b.shift", [17], .batchNormShift), ParameterSpec("c.weight", [2, 4, 2, 2], .weight),
  ]
  let table = ParameterTable(Self.parameters)

  @Test("Each parameter starts at the next multiple of sixteen.") func eachStartsAtTheNextMultipleOfSixteen() {
    // 135, 3, 16, 1, 17, 32 values.
    #expect(table.offsets == [0, 144, 160, 176, 192, 224])
    #expect(table.vectorCount == 256)
    #expect(table.scalarCount == 135 + 3 + 16 + 1 + 17 + 32)
    #expect(table.parameters == Self.parameters)
  }

  @Test("Names lead to the place of their parameter.") func namesLeadToTheirPlace() {
    for (index, parameter) in Self.parameters.enumerated() {
      #expect(table.index(of: parameter.name) == index)
      #expect(table.offset(of: parameter.name) == table.offsets[index])
    }
    #expect(table.index(of: "a") == nil)
  }

  @Test("Multipliers default to one.") func multipliersDefaultToOne() {
    #expect(ParameterSpec("w", [2, 3], .weight).count == 6)
    #expect(ParameterSpec("w", [], .weight).count == 1)
    #expect(Self.parameters[0].rateMultiplier == 1 && Self.parameters[0].decayMultiplier == 1)
    #expect(Self.parameters[1].rateMultiplier == 2 && Self.parameters[1].decayMultiplier == 0)
  }

  @Test("A table may be empty.") func anEmptyTableIsLegal() {
    let empty = ParameterTable([])
    #expect(empty.vectorCount == 0 && empty.scalarCount == 0)
    #expect(ParameterVector(empty).namedTensors.isEmpty)
  }

  @Test("Writing every parameter leaves the gaps unchanged.") func writingEveryParameterLeavesTheGapsAlone() {
    let vector = ParameterVector(table)
    #expect(vector.memory.count == table.vectorCount)
    for index in table.parameters.indices { vector[index].update(repeating: Float(index + 1)) }
    var owner = [Int](repeating: 0, count: table.vectorCount)
    for (index, parameter) in table.parameters.enumerated() {
      #expect(vector[index].count == parameter.count)
      #expect(vector[parameter.name].baseAddress == vector[index].baseAddress)
      #expect(UInt(bitPattern: vector[index].baseAddress!) % 64 == 0)
      for place in table.offsets[index]..<table.offsets[index] + parameter.count {
        #expect(owner[place] == 0, "two parameters at \(place)")
        owner[place] = index + 1
      }
    }
    for place in owner.indices { #expect(vector.pointer[place] == Float(owner[place])) }
  }

  @Test("Named tensors outlive the vector.") func namedTensorsOutliveTheVector() {
    func tensors() -> [NamedTensor] {
      let vector = ParameterVector(table)
      for index in table.parameters.indices { vector[index].update(repeating: Float(index + 1)) }
      return vector.namedTensors
    }
    let named = tensors()
    #expect(named.map(\.name) == Self.parameters.map(\.name))
    #expect(named.map(\.shape) == Self.parameters.map(\.shape))
    for (index, tensor) in named.enumerated() { #expect(tensor.values.allSatisfy { $0 == Float(index + 1) }) }
  }

  @Test("Parameters with factored gradients lie behind all others.") func factoredGradientsLieBehindAllOthers() {
    let table = ParameterTable([
      ParameterSpec("a.weight", [4, 10], .weight, gradient: .factored), ParameterSpec("a.bias", [4], .bias),
      ParameterSpec("b.weight", [3, 3], .weight, gradient: .factored), ParameterSpec("b.bias", [20], .bias),
    ])
    #expect(table.offsets == [48, 0, 96, 16])
    #expect(table.storedCount == 48 && table.vectorCount == 112)
    #expect(ParameterTable([ParameterSpec("c", [5], .bias)]).storedCount == 16)
  }
}
