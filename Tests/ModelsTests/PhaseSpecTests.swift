// Tests of DecoupledNet's phases against the authors' settings (docs/reference.md section 3).
import Batches
import Compute
import Models
import Testing

@Suite struct PhaseSpecTests {
  @Test("Classification comes before segmentation, which needs it.") func order() {
    let phases = DecoupledNet.phases
    #expect(phases.map(\.name) == ["classification", "segmentation"])
    #expect(phases.map(\.trains) == ["classification", "segmentation"])
    #expect(phases.map(\.requires) == [[], ["classification"]])
    #expect(phases.map(\.hasFrozenPart) == [false, true])
    // The numbers are a part of the random streams' names, so they must not change.
    #expect(phases.map(\.randomStream) == [1, 2])
    // A phase needs only what earlier phases train.
    for (index, phase) in phases.enumerated() {
      #expect(Set(phase.requires).isSubset(of: phases[..<index].map(\.trains)))
    }
    #expect(Set(DecoupledNet.predictorGroups) == Set(phases.map(\.trains)))
  }

  @Test("The default values are the authors'.") func defaults() {
    let defaults = DecoupledNet.phases.map(\.defaults)
    #expect(defaults.map(\.iterations) == [5500, 5500])
    #expect(defaults.map(\.learningRate) == [0.001, 0.01])
    #expect(defaults.map(\.learningRateStep) == [2000, 10000])
    #expect(defaults.map(\.weightDecay) == [0.0005, 3.125e-5])
    #expect(defaults.map(\.dropout) == [0.5, nil])
    #expect(defaults.map(\.scoreRateMultiplier) == [10, nil])
  }

  @Test("Only the segmentation phase reads masks and crops.") func examples() {
    #expect(DecoupledNet.phases.map(\.examples.usesMasks) == [false, true])
    #expect(DecoupledNet.phases.map(\.examples.usesCrops) == [false, true])
  }

  @Test("A phase that requires only what it trains has no frozen part.") func frozenPart() {
    let defaults = PhaseDefaults(iterations: 1, learningRate: 1, learningRateStep: 1, weightDecay: 0)
    func phase(_ requires: [String]) -> PhaseSpec {
      PhaseSpec(
        name: "p", randomStream: 3, trains: "a", requires: requires, examples: ImageLabelExamples(), defaults: defaults)
    }
    #expect(!phase([]).hasFrozenPart && !phase(["a"]).hasFrozenPart && phase(["a", "b"]).hasFrozenPart)
  }

  @Test("A phase waits for the last phase before it that trains a group, and for no later one.") func trainers() {
    let defaults = PhaseDefaults(iterations: 1, learningRate: 1, learningRateStep: 1, weightDecay: 0)
    let phases = ["first", "second", "third"].map {
      PhaseSpec(
        name: $0, randomStream: 3, trains: "a", requires: ["a"], examples: ImageLabelExamples(), defaults: defaults)
    }
    #expect(phases.map { phases.trainer(of: "a", before: $0)?.name } == [nil, "first", "second"])
    #expect(phases.trainer(of: "b", before: phases[2]) == nil)
  }

  @Test("Each phase's step trains its own group.") func steps() {
    let net = DecoupledNet(NetworkShape(width: 0.0625, inputSize: 32, classes: 2, batchNormalization: true))
    for phase in DecoupledNet.phases {
      let context = ExecutionContext(workers: WorkerPool(threads: 1))
      let step = net.makeStep(phase, shardSize: 1, dropoutRate: 0, context: context)
      #expect(step.parameters.memory === net.trained(by: phase).parameters.memory)
      #expect(step.statistics.memory === net.trained(by: phase).statistics.memory)
    }
  }
}
