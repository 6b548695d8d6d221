import Benchmarks
import Models
import Testing
import Compute

struct TimingTests {
  @Test func medianIsTheMiddle() {
    #expect(Timing.median([3, 1, 2]) == 2)
    #expect(Timing.median([4, 1, 2, 3]) == 2.5)
    #expect(Timing.median([7]) == 7)
  }

  @Test func stopwatchGivesEachInstantToTheLastStage() {
    let stopwatch = Stopwatch()
    let (a, b) = (Stage("a", .forward), Stage("b", .forward))
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

  /// Only what no load on the machine can change: a loop that the compiler had removed would pass what any processor can do.
  @Test func peaksAreNoMoreThanAProcessorHas() {
    // 64 operations a cycle at 6.5 GHz.
    let most = 64 * 6.5
    let peak = MachinePeak.multiplyAdds(WorkerPool(threads: 1), repeats: 3)
    #expect(peak > 0 && peak < most)
    let product = MachinePeak.product(side: 512)
    #expect(product > 0 && product < most)
  }
}
