// The log metrics.jsonl.
import Foundation
import Support
import Testing
import Training

@Suite struct MetricsLogTests {
  static func line(_ iteration: Int, phase: String = "classification") -> IterationMetrics {
    let text = """
      {"phase": "\(phase)", "iteration": \(iteration), "loss": \(1 / Double(iteration + 2)),
       "accuracy": \(0.1 * Double(iteration)), "learning_rate": 0.01, "examples_per_second": 12.5,
       "seconds": \(0.3 + Double(iteration)), "seconds_waiting": 1e-7, "page_faults": 12}
      """
    do { return try JSONText.decode(IterationMetrics.self, from: Array(text.utf8)) } catch {
      fatalError("\(error)")
    }
  }

  let path = NSTemporaryDirectory() + "dnet-metrics-\(UUID().uuidString).jsonl"
  func remove() { try? FileManager.default.removeItem(atPath: path) }
  func text() throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

  @Test("Lines are read back to the bit.")
  func linesComeBackToTheBit() throws {
    defer { remove() }
    #expect(MetricsLog.read(path) == [])
    let log = try MetricsLog(path: path) { _ in true }
    for i in 1...20 { try log.append(Self.line(i)) }
    // Each line is written at once, for observers of the run.
    #expect(MetricsLog.read(path) == (1...20).map { Self.line($0) })
    let lines = try text().split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.count == 21 && lines.last == "")
  }

  @Test("A line has the documented keys.")
  func aLineHasTheDocumentedNames() throws {
    defer { remove() }
    try MetricsLog(path: path) { _ in true }.append(Self.line(3, phase: "segmentation"))
    let object = try #require(JSONSerialization.jsonObject(with: Data(text().utf8)) as? [String: Any])
    #expect(
      object.keys.sorted() == [
        "accuracy", "examples_per_second", "iteration", "learning_rate", "loss", "page_faults", "phase", "seconds",
        "seconds_waiting",
      ])
    #expect(object["phase"] as? String == "segmentation" && object["iteration"] as? Int == 3)
    #expect(object["loss"] as? Double == 0.2 && object["seconds_waiting"] as? Double == 1e-7)
  }

  @Test("A line that dnet 0.1.0 wrote before checkpoint format 3 is read.")
  func earlierLine() throws {
    defer { remove() }
    let text =
      #"{"accuracy":0.13645833333333332,"digest":"c0e7","examples_per_second":179.2655704669918,"iteration":1,"#
      + #""learning_rate":0.01,"loss":0.6931471228599548,"page_faults":776,"phase":"segmentation","#
      + #""ranks":{"compute":[0.5],"data":[0.25],"last":0,"transfer":[0],"wait":[0.125]},"seconds":0.0055,"#
      + #""seconds_checkpointing":0.1088,"seconds_waiting":0.0031}"#
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    let line = try #require(MetricsLog.read(path).first)
    #expect(line.phase == "segmentation" && line.iteration == 1 && line.loss == 0.6931471228599548)
    #expect(line.learningRate == 0.01 && line.digest == "c0e7" && line.pageFaults == 776)
    #expect(line.secondsCheckpointing == 0.1088 && line.secondsWaiting == 0.0031 && line.ranks?.wait == [0.125])
    // The line is kept as it is when a run resumes.
    _ = try MetricsLog(path: path) { _ in true }
    #expect(try self.text() == text + "\n")
  }

  @Test("A resumed run cuts the log back to its checkpoint.")
  func resumingCutsBack() throws {
    defer { remove() }
    let first = try MetricsLog(path: path) { _ in true }
    for i in 1...5 { try first.append(Self.line(i)) }
    for i in 1...7 { try first.append(Self.line(i, phase: "segmentation")) }
    // The checkpoint is that of the third iteration of the segmentation phase.
    let second = try MetricsLog(path: path) { $0.phase == "classification" || $0.iteration <= 3 }
    try second.append(Self.line(4, phase: "segmentation"))
    #expect(
      MetricsLog.read(path) == (1...5).map { Self.line($0) } + (1...4).map { Self.line($0, phase: "segmentation") })
    _ = try MetricsLog(path: path) { _ in false }
    #expect(try text() == "")
  }

  @Test("An incomplete last line is left out.")
  func aTornLastLineIsLeftOut() throws {
    defer { remove() }
    let log = try MetricsLog(path: path) { _ in true }
    for i in 1...3 { try log.append(Self.line(i)) }
    let whole = try text()
    for cut in [1, 2, 20, whole.count / 3 - 2] {
      try String(whole.dropLast(cut)).write(toFile: path, atomically: true, encoding: .utf8)
      // A line without only its line feed is complete.
      let expected = (1...(cut == 1 ? 3 : 2)).map { Self.line($0) }
      #expect(MetricsLog.read(path) == expected, "\(cut) bytes missing")
      let resumed = try MetricsLog(path: path) { _ in true }
      try resumed.append(Self.line(9))
      #expect(MetricsLog.read(path) == expected + [Self.line(9)], "\(cut) bytes missing")
    }
  }

  @Test("The error of an unwritable path names it.")
  func aPlaceThatCannotBeWrittenIsNamed() {
    let error = #expect(throws: RunError.self) { _ = try MetricsLog(path: "/nowhere/metrics.jsonl") { _ in true } }
    #expect(error?.description.contains("/nowhere/metrics.jsonl") == true)
  }
}
