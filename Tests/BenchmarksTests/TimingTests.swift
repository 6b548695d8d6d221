import Benchmarks
import Networks
import Testing
import Workers

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

  /// Bounds that a compiler which shortens the loop, or one that splits vectors into calls, would break.
  @Test func peaksArePlausible() {
    let peak = MachinePeak.multiplyAdds(WorkerPool(threads: 1), repeats: 3)
    // 64 operations a cycle and port pair at 6 GHz is more than any processor has; an unvectorised loop stays below 10.
    #expect(peak > 10 && peak < 64 * 6.5)
    let product = MachinePeak.product(side: 512)
    #expect(product > 0 && product < 2 * peak)
  }
}
