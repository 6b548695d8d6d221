// Tests of the registry of models.
import Compute
import Layers
import Models
import Testing

/// A model with nothing but a name.
private final class EmptyModel: Model {
  static let name = "registry-test"
  static let phases: [PhaseSpec] = []
  static let predictorGroups: [ParameterGroup.Name] = []
  let shape: NetworkShape
  let groups: [ParameterGroup] = []
  let inferenceMultiplyAdds = 0

  init(_ shape: NetworkShape, options: ModelOptions) { self.shape = shape }

  func makeStep(
    _ phase: PhaseSpec, shardSize: Int, dropoutRate: Float, context: ExecutionContext
  ) -> any TrainingStep { preconditionFailure("no phases") }
  func makePredictor(images: Int, context: ExecutionContext) -> any Predictor { preconditionFailure("no predictor") }
  func makeLabelPredictor(images: Int, context: ExecutionContext) -> (any LabelPredictor)? { nil }
  func multiplyAdds(of phase: PhaseSpec) -> Int { 0 }
}

@Suite struct ModelRegistryTests {
  @Test("DecoupledNet is registered from the start, and an unknown name gives nil.") func names() {
    #expect(ModelRegistry.names.first == "decouplednet")
    #expect(ModelRegistry.model(named: "decouplednet") == DecoupledNet.self)
    #expect(ModelRegistry.model(named: "unknown") == nil && ModelRegistry.model(named: "") == nil)
  }

  @Test("A registered model is found by its name, behind those before it.") func registration() {
    var registry = ModelRegistry(ModelRegistry.all)
    #expect(registry[EmptyModel.name] == nil)
    registry.add(EmptyModel.self)
    #expect(registry[EmptyModel.name] == EmptyModel.self)
    #expect(registry.models.map { $0.name } == ModelRegistry.names + [EmptyModel.name])
    #expect(ModelRegistry.model(named: EmptyModel.name) == nil)
  }

  @Test("Registering a name twice is refused.") func uniqueNames() async {
    await #expect(processExitsWith: .failure) { ModelRegistry.register(DecoupledNet.self) }
  }
}
