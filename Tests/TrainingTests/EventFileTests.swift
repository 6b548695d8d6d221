// The event file for TensorBoard.
import Foundation
import Testing
import Training

@Suite struct EventFileTests {
  let folder = NSTemporaryDirectory() + "dnet-events-\(UUID().uuidString)"
  func remove() { try? FileManager.default.removeItem(atPath: folder) }

  static func record(_ step: Int, _ phase: String = "classification") -> EventRecord {
    EventRecord(
      time: 1.7e9 + Double(step) / 3, step: step,
      values: [("\(phase)/loss", 1 / Float(step + 1)), ("\(phase)/accuracy", -Float(step)), ("\(phase)/ä", 0)])
  }

  @Test("Records are read back, and a resumed run cuts the file.")
  func recordsComeBackAndAreCut() throws {
    defer { remove() }
    let first = try EventFile(folder: folder) { _, _ in true }
    for step in [1, 2, 127, 128, 300, 70_000] { try first.append(Self.record(step)) }
    try first.append(Self.record(1, "segmentation"))
    #expect(
      EventFile.read(first.path) == [1, 2, 127, 128, 300, 70_000].map { Self.record($0) } + [
        Self.record(1, "segmentation")
      ])
    // A resumed run continues the same file, without the records after its checkpoint.
    let second = try EventFile(folder: folder) { phase, step in phase == "classification" && step <= 128 }
    try second.append(Self.record(129))
    #expect(second.path == first.path)
    #expect(EventFile.read(second.path).map(\.step) == [1, 2, 127, 128, 129])
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 1)
  }

  @Test("An incomplete or damaged record ends the file.")
  func aTornEndIsLeftOut() throws {
    defer { remove() }
    let file = try EventFile(folder: folder) { _, _ in true }
    for step in 1...3 { try file.append(Self.record(step)) }
    let whole = try Data(contentsOf: URL(fileURLWithPath: file.path))
    for cut in [1, 5, 40] {
      try whole.dropLast(cut).write(to: URL(fileURLWithPath: file.path))
      #expect(EventFile.read(file.path) == [Self.record(1), Self.record(2)])
    }
    var damaged = whole
    damaged[whole.count / 2] ^= 4
    try damaged.write(to: URL(fileURLWithPath: file.path))
    #expect(EventFile.read(file.path) == [Self.record(1)])
  }

  /// The check value of CRC-32C is e3069283; TFRecord rotates it by 15 bits and adds a constant.
  @Test("Checksums are masked CRC-32C.")
  func checkSums() {
    let crc: UInt32 = 0xe306_9283
    #expect(EventFile.checksum(Array("123456789".utf8)[...]) == (crc >> 15 | crc << 17) &+ 0xa282_ead8)
  }

  /// TensorFlow writes an Event with a time here; the version alone suffices.
  @Test("The file begins with the version record.")
  func theFileBeginsWithItsVersion() throws {
    defer { remove() }
    let file = try EventFile(folder: folder) { _, _ in true }
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: file.path)))
    #expect(bytes.count == 16 + 15 && bytes[0..<8] == [15, 0, 0, 0, 0, 0, 0, 0])
    #expect(String(decoding: bytes[14..<27], as: UTF8.self) == "brain.Event:2")
    #expect(URL(fileURLWithPath: file.path).lastPathComponent.hasPrefix("events.out.tfevents."))
  }
}
