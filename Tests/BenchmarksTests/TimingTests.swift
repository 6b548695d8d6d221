// Medians, the stopwatch, and the measured peaks of the processor.
import Benchmarks
import Compute
import Testing

struct TimingTests {
  @Test("The median is the middle value, or the mean of the two in the middle.") func medianIsTheMiddle() {
    #expect(Timing.median([3, 1, 2]) == 2)
    #expect(Timing.median([4, 1, 2, 3]) == 2.5)
    #expect(Timing.median([7]) == 7)
  }

  @Test("The stopwatch gives each instant to the stage that began last.") func stopwatchGivesEachInstantToTheLastStage()
  {
    let stopwatch = Stopwatch()
    let (a, b) = (Stage("a", .convolution, .forward), Stage("b", .other, .forward))
    let all = Timing.seconds {
      stopwatch.begin(a)
      stopwatch.begin(b)
      stopwatch.begin(a)
      stopwatch.stop()
    }
    #expect(stopwatch.stages == [a, b])
    #expect(stopwatch.calls == [a: 2, b: 1])
    #expect(stopwatch.seconds.values.reduce(0, +) <= all)
  }

  /// Load on the machine cannot break this bound, but a loop that the compiler has removed does.
  @Test("Measured peaks are no more than a processor can do.") func peaksAreNoMoreThanAProcessorHas() {
    // 64 operations a cycle at 6.5 GHz.
    let most = 64 * 6.5
    let peak = MachinePeak.multiplyAdds(WorkerPool(threads: 1), repeats: 3)
    #expect(peak > 0 && peak < most)
    let product = MachinePeak.product(side: 512)
    #expect(product > 0 && product < most)
  }
}
