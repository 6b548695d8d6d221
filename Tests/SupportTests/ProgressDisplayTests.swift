// Tests of the progress display on terminals and in logs.
import Foundation
import Support
import Testing

@Suite struct ProgressDisplayTests {
  /// Returns everything that is written to a pipe.
  private func log(interval: Double?, _ body: (ProgressDisplay) -> Void) throws -> String {
    let pipe = Pipe()
    body(ProgressDisplay(pipe.fileHandleForWriting, logInterval: interval))
    try pipe.fileHandleForWriting.close()
    return String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
  }

  @Test("A log has the lines that stay and no progress.")
  func logIsQuiet() throws {
    let text = try log(interval: nil) { display in
      display.show("3/9")
      display.say("warning: w")
      for done in 1...9 { display.show("images", done: done, of: 9) }
      display.finish()
    }
    #expect(text == "warning: w\n")
  }

  @Test("With an interval, a log has one line of progress per interval.")
  func logInterval() throws {
    let text = try log(interval: 1000) { display in
      for done in 1...9 { display.show("step \(done)", done: done, of: 9) }
      display.finish()
      display.show("next phase")
    }
    #expect(text == "step 1\nnext phase\n")
  }

  @Test("On a terminal a line replaces the one before, and a message clears it.")
  func terminal() throws {
    // A pseudo-terminal; the two requests are TIOCSPTLCK and TIOCGPTN.
    let controller = open("/dev/ptmx", O_RDWR | O_NOCTTY)
    var locked: Int32 = 0
    var number: Int32 = 0
    try #require(ioctl(controller, 0x4004_5431, &locked) == 0 && ioctl(controller, 0x8004_5430, &number) == 0)
    let terminal = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY)
    try #require(terminal >= 0)
    defer {
      close(terminal)
      close(controller)
    }
    let display = ProgressDisplay(FileHandle(fileDescriptor: terminal))
    display.show("long line")
    display.show("short")
    display.say("a message")
    display.show("images", done: 1, of: 2)
    display.finish()
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = read(controller, &bytes, bytes.count)
    // The terminal turns each line feed into a carriage return and a line feed.
    #expect(
      String(decoding: bytes[..<max(count, 0)], as: UTF8.self)
        == "\rlong line\rshort    \r     \ra message\r\n\r[##########..........] images\r\n")
  }

  @Test("Durations have the two largest units.")
  func durations() {
    #expect([4.6, 200, 7500, -1].map(ProgressDisplay.duration) == ["5 s", "3 min 20 s", "2 h 5 min", "0 s"])
  }
}
