// Tests of the duration parser.
import Testing
import Training

@Suite struct DurationTests {
  @Test(
    "Durations are converted to seconds.",
    arguments: [
      ("90", 90), ("90s", 90), ("45m", 2700), ("3h50m", 13_800), ("1d2h", 93_600), ("1d", 86_400), ("1.5h", 5400),
      ("0.5", 0.5),
      ("2h0m5s", 7205), ("1d1h1m1s", 90_061),
    ])
  func seconds(text: String, seconds: Double) { #expect(Duration.seconds(of: text) == seconds) }

  @Test(
    "Text of another form is refused.",
    arguments: [
      "", "0", "0s", "-5", "-5m", "h", "3x", "m5", "3h50", "1 h", "3:50:00", "1..5h", "nan", "inf", "ten", "1e", "٣s",
    ])
  func otherText(text: String) { #expect(Duration.seconds(of: text) == nil) }
}
