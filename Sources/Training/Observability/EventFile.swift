// RUN/events: the curves of a run for TensorBoard.
//
// The file is a sequence of TFRecords: the length, its checksum, the bytes, their checksum. The bytes are an Event
// message in protocol buffers (tensorflow/core/util/event.proto) with scalars in its summary. Only four fields of three
// messages are needed, so they are encoded here without generated code.
import Foundation
import Support

/// The scalars of one iteration.
package struct EventRecord: Equatable {
  /// Seconds since 1970.
  package var time: Double
  /// The number of iterations of the phase that are done.
  package var step: Int
  /// The scalars with their tags, such as `classification/loss`.
  package var values: [(tag: String, value: Float)]

  package init(time: Double, step: Int, values: [(tag: String, value: Float)]) {
    self.time = time
    self.step = step
    self.values = values
  }

  package static func == (a: Self, b: Self) -> Bool {
    a.time == b.time && a.step == b.step && a.values.map(\.tag) == b.values.map(\.tag)
      && a.values.map(\.value) == b.values.map(\.value)
  }
}

extension EventRecord {
  /// The curves of an iteration.
  init(_ line: IterationMetrics, time: Double) {
    let figures: [(String, Double)] = [
      ("loss", line.loss), ("accuracy", line.accuracy), ("learning_rate", line.learningRate),
      ("examples_per_second", line.examplesPerSecond), ("seconds_waiting", line.secondsWaiting),
    ]
    self.init(time: time, step: line.iteration, values: figures.map { ("\(line.phase)/\($0.0)", Float($0.1)) })
  }
}

/// The event file of a run. Like metrics.jsonl it is cut back to the checkpoint's iteration when a run resumes.
package final class EventFile {
  private let handle: FileHandle
  package let path: String

  /// Opens the folder's file, or creates one, and removes the records that `keep` rejects.
  package init(folder: String, keep: (_ phase: String, _ iteration: Int) -> Bool) throws {
    let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter {
      $0.hasPrefix(Self.prefix)
    }.sorted()
    path = "\(folder)/\(names.last ?? "\(Self.prefix)\(Int(Date().timeIntervalSince1970)).dnet")"
    let kept = Self.read(path).filter { record in
      let phase = record.values.first?.tag.split(separator: "/").first.map(String.init) ?? ""
      return keep(phase, record.step)
    }
    let data = kept.reduce(Self.record(Self.version)) { $0 + Self.record(Self.encoded($1)) }
    do throws(FileError) {
      try FileBytes.makeFolder(folder)
      try AtomicFile.write(data, to: path)
    } catch {
      throw RunError.cannotWrite(path: path, reason: error.reason)
    }
    do {
      handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
      try handle.seekToEnd()
    } catch {
      throw RunError.cannotWrite(path: path, reason: (error as NSError).localizedDescription)
    }
  }

  package func append(_ record: EventRecord) throws {
    do { try handle.write(contentsOf: Self.record(Self.encoded(record))) } catch {
      throw RunError.cannotWrite(path: path, reason: (error as NSError).localizedDescription)
    }
  }

  private static let prefix = "events.out.tfevents."
  /// An Event with only `file_version`, field 3, which identifies the file format.
  private static let version = Data([0x1a, 13]) + Data("brain.Event:2".utf8)

  // MARK: Messages

  private static func encoded(_ record: EventRecord) -> Data {
    var summary = Data()
    for (tag, value) in record.values {
      var message = Data([0x0a]) + varint(UInt64(tag.utf8.count)) + Data(tag.utf8)
      message += Data([0x15]) + littleEndian(value.bitPattern)
      summary += Data([0x0a]) + varint(UInt64(message.count)) + message
    }
    var event = Data([0x09]) + littleEndian(record.time.bitPattern)
    event += Data([0x10]) + varint(UInt64(record.step))
    return event + Data([0x2a]) + varint(UInt64(summary.count)) + summary
  }

  /// Reads the events with scalars of a file that this type wrote, up to the first incomplete or damaged record.
  package static func read(_ path: String) -> [EventRecord] {
    guard let data = FileManager.default.contents(atPath: path) else { return [] }
    let bytes = [UInt8](data)
    var place = 0
    var records: [EventRecord] = []
    while place + 16 <= bytes.count {
      let length = (0..<4).reduce(0) { $0 | Int(bytes[place + $1]) << (8 * $1) }
      guard length <= bytes.count - place - 16, word(bytes, place + 8) == checksum(bytes[place..<place + 8]) else {
        break
      }
      let message = bytes[place + 12..<place + 12 + length]
      guard word(bytes, place + 12 + length) == checksum(message) else { break }
      if let record = decoded(Array(message)) { records.append(record) }
      place += length + 16
    }
    return records
  }

  private static func decoded(_ bytes: [UInt8]) -> EventRecord? {
    var fields = Fields(bytes)
    var record = EventRecord(time: 0, step: 0, values: [])
    while let (field, value) = fields.next() {
      switch (field, value) {
      case (1, .fixed64(let bits)): record.time = Double(bitPattern: bits)
      case (2, .varint(let step)): record.step = Int(truncatingIfNeeded: step)
      case (5, .bytes(let summary)):
        var values = Fields(summary)
        while case (1, .bytes(let message))? = values.next() {
          var parts = Fields(message)
          var tag = ""
          var value = Float(0)
          while let part = parts.next() {
            if case (1, .bytes(let text)) = part { tag = String(decoding: text, as: UTF8.self) }
            if case (2, .fixed32(let bits)) = part { value = Float(bitPattern: bits) }
          }
          record.values.append((tag, value))
        }
      default: break
      }
    }
    return record.values.isEmpty ? nil : record
  }

  /// An iterator over the fields of a message.
  private struct Fields {
    enum Value {
      case varint(UInt64)
      case fixed64(UInt64)
      case fixed32(UInt32)
      case bytes([UInt8])
    }

    private let bytes: [UInt8]
    private var place = 0
    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func next() -> (field: Int, value: Value)? {
      guard let key = varint() else { return nil }
      let field = Int(key >> 3)
      switch key & 7 {
      case 0: return varint().map { (field, .varint($0)) }
      case 1: return fixed(8).map { (field, .fixed64($0)) }
      case 2:
        guard let length = varint().map({ Int(truncatingIfNeeded: $0) }), length >= 0, length <= bytes.count - place
        else { return nil }
        defer { place += length }
        return (field, .bytes(Array(bytes[place..<place + length])))
      case 5: return fixed(4).map { (field, .fixed32(UInt32($0))) }
      default: return nil
      }
    }

    private mutating func varint() -> UInt64? {
      var value: UInt64 = 0
      for shift in stride(from: 0, to: 64, by: 7) where place < bytes.count {
        defer { place += 1 }
        value |= UInt64(bytes[place] & 0x7f) << UInt64(shift)
        if bytes[place] < 0x80 { return value }
      }
      return nil
    }

    private mutating func fixed(_ count: Int) -> UInt64? {
      guard place + count <= bytes.count else { return nil }
      defer { place += count }
      return (0..<count).reduce(0) { $0 | UInt64(bytes[place + $1]) << UInt64(8 * $1) }
    }
  }

  // MARK: Records

  private static func record(_ message: Data) -> Data {
    let length = littleEndian(UInt64(message.count))
    return length + littleEndian(checksum([UInt8](length)[...])) + message
      + littleEndian(checksum([UInt8](message)[...]))
  }

  /// Returns the CRC-32C, rotated and shifted as TFRecord requires.
  package static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    let crc = ~bytes.reduce(~UInt32(0)) { table[Int(($0 ^ UInt32($1)) & 0xff)] ^ ($0 >> 8) }
    return (crc >> 15 | crc << 17) &+ 0xa282_ead8
  }

  private static let table: [UInt32] = (0..<256).map { index in
    (0..<8).reduce(UInt32(index)) { crc, _ in crc & 1 == 1 ? crc >> 1 ^ 0x82f6_3b78 : crc >> 1 }
  }

  private static func varint(_ value: UInt64) -> Data {
    var value = value
    var data = Data()
    while value >= 0x80 {
      data.append(UInt8(value & 0x7f) | 0x80)
      value >>= 7
    }
    data.append(UInt8(value))
    return data
  }

  private static func littleEndian<Value: FixedWidthInteger>(_ value: Value) -> Data {
    withUnsafeBytes(of: value.littleEndian) { Data($0) }
  }

  private static func word(_ bytes: [UInt8], _ place: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 | UInt32(bytes[place + $1]) << UInt32(8 * $1) }
  }
}
