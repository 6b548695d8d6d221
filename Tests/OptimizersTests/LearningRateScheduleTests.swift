// Tests of the learning-rate schedule.
import Optimizers
import Testing

@Suite struct LearningRateScheduleTests {
  /// The authors' 5-annotation solver: 0.01, a tenth every 4,000 iterations.
  @Test("The rate drops by steps that begin at iteration zero.")
  func fallsByStepsFromIterationZero() {
    let schedule = LearningRateSchedule(base: 0.01, step: 4000, gamma: 0.1)
    #expect(schedule.rate(at: 0) == 0.01)
    #expect(schedule.rate(at: 3999) == 0.01)
    #expect(schedule.rate(at: 4000) == 0.001)
    #expect(abs(schedule.rate(at: 8000) - 0.0001) < 1e-10)
  }

  @Test("A step of zero keeps the rate.")
  func aStepOfZeroIsConstant() {
    let schedule = LearningRateSchedule(base: 0.03, step: 0, gamma: 0.1)
    #expect(schedule.rate(at: 0) == 0.03)
    #expect(schedule.rate(at: 1_000_000) == 0.03)
  }
}
