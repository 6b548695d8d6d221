// Tests of initial values: their statistics, and that a tensor's values depend only on the seed and its own name.
import Compute
import Models
import Testing

@Suite struct InitializationTests {
  static func net(
    _ initialization: Initialization, seed: UInt64 = 1, classes: Int = 5, batchNormalization: Bool = true,
    inputSize: Int = 96
  ) -> DecoupledNet {
    let net = DecoupledNet(
      NetworkShape(width: 0.125, inputSize: inputSize, classes: classes, batchNormalization: batchNormalization))
    net.initialize(initialization, seed: seed)
    return net
  }

  static func all(_ net: DecoupledNet) -> [(ParameterSpec, UnsafeMutableBufferPointer<Float>)] {
    net.groups.map(\.parameters).flatMap { vector in
      vector.table.parameters.indices.map { (vector.table.parameters[$0], vector[$0]) }
    }
  }

  @Test("Weights are normal with the rule's deviation.", arguments: Initialization.allCases)
  func weightsHaveTheirDeviation(_ initialization: Initialization) {
    let net = Self.net(initialization)
    for (parameter, values) in Self.all(net) where parameter.role == .weight {
      let transposed = parameter.name.contains("deconv")
      let fanIn = Double(parameter.shape[transposed ? 0 : 1] * parameter.shape[2] * parameter.shape[3])
      let isScore = ["classification.score.weight", "segmentation.score.weight"].contains(parameter.name)
      let deviation = initialization == .gaussian || isScore ? 0.01 : (2 / fanIn).squareRoot()
      let n = Double(values.count)
      let mean = values.reduce(0.0) { $0 + Double($1) } / n
      let variance = values.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / n
      let kurtosis =
        values.reduce(0.0) { $0 + Double($1) * Double($1) * Double($1) * Double($1) } / n / (variance * variance)
      #expect(abs(mean) < 5 * deviation / n.squareRoot(), "\(parameter.name): mean \(mean)")
      #expect(
        abs(variance.squareRoot() / deviation - 1) < 5 / (2 * n).squareRoot(),
        "\(parameter.name): deviation \(variance.squareRoot())")
      // 3 for a normal distribution, 1.8 for a uniform one.
      if n > 10_000 { #expect(abs(kurtosis - 3) < 0.3, "\(parameter.name): kurtosis \(kurtosis)") }
    }
    net.keep()
  }

  @Test("All other parameters and statistics are constant.", arguments: Initialization.allCases)
  func allElseIsConstant(_ initialization: Initialization) {
    let net = Self.net(initialization)
    for (parameter, values) in Self.all(net) {
      switch parameter.role {
      case .weight: break
      case .bias: #expect(values.allSatisfy { $0 == 0 }, "\(parameter.name)")
      case .batchNormScale: #expect(values.allSatisfy { $0 == 1 }, "\(parameter.name)")
      case .batchNormShift:
        // The authors': 0.001 (5.prototxt). VGG16-BN's: 0.
        let shift: Float = initialization == .he && parameter.name.hasPrefix("classification") ? 0 : 0.001
        #expect(values.allSatisfy { $0 == shift }, "\(parameter.name)")
      case .batchNormMean, .batchNormVariance: Issue.record("\(parameter.name) is a statistic")
      }
    }
    for vector in net.groups.map(\.statistics) {
      #expect(!vector.table.parameters.isEmpty)
      for (index, parameter) in vector.table.parameters.enumerated() {
        #expect(vector[index].allSatisfy { $0 == (parameter.name.hasSuffix("variance") ? 1 : 0) }, "\(parameter.name)")
      }
    }
    net.keep()
  }

  func values(_ net: DecoupledNet) -> [String: [Float]] {
    defer { net.keep() }
    return Dictionary(uniqueKeysWithValues: Self.all(net).map { ($0.0.name, Array($0.1)) })
  }

  @Test("Another seed gives other values.") func theSeedDecides() {
    let first = values(Self.net(.he, seed: 7))
    #expect(first == values(Self.net(.he, seed: 7)))
    let other = values(Self.net(.he, seed: 8))
    for (name, weights) in first where name.hasSuffix(".weight") {
      let different = zip(weights, other[name]!).count { $0 != $1 }
      #expect(different > weights.count * 9 / 10, "\(name)")
    }
  }

  @Test("The values of a tensor do not depend on what else the network has.")
  func aTensorDoesNotDependOnWhatElseThereIs() {
    let one = values(Self.net(.gaussian))
    for other in [
      values(Self.net(.gaussian, classes: 20)), values(Self.net(.gaussian, batchNormalization: false)),
      values(Self.net(.gaussian, inputSize: 128)),
    ] {
      var same = 0
      for (name, weights) in one {
        guard let others = other[name], others.count == weights.count else { continue }
        #expect(others == weights, "\(name)")
        same += 1
      }
      #expect(same >= 30)
    }
  }

  @Test("No two tensors have the same values.") func noTwoTensorsAreAlike() {
    let starts = values(Self.net(.gaussian)).filter { $0.key.hasSuffix(".weight") }.map { Array($0.value.prefix(8)) }
    #expect(Set(starts).count == starts.count)
  }
}

extension DecoupledNet {
  /// The parameters live as long as the net; Swift would free it after its last mention.
  func keep() { withExtendedLifetime(self) {} }
}
