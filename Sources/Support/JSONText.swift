// The JSON that dnet writes: snake_case keys in sorted order, so that equal values give equal bytes.
import Foundation

package enum JSONText {
  package enum Layout: Sendable {
    /// One key per line, for files that people open.
    case pretty
    /// One value per line (JSON Lines), for logs.
    case line
  }

  /// Returns the text of a value, ended by a line feed.
  ///
  /// Property names become snake_case keys; keys of dictionaries stay as they are. An absent optional has no key,
  /// unless it is `@Nullable`. NaN and infinities, for which JSON has no numbers, are written as "nan", "inf" and
  /// "-inf".
  package static func encode(_ value: some Encodable, _ layout: Layout = .pretty) throws -> Data {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    if layout == .pretty { encoder.outputFormatting.insert(.prettyPrinted) }
    return try encoder.encode(value) + Data("\n".utf8)
  }

  /// Reads a value. Keys may be in snake_case or in camelCase, as dnet wrote some files before manifest format 3.
  package static func decode<Value: Decodable>(_ type: Value.Type, from bytes: some Sequence<UInt8>) throws -> Value {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return try decoder.decode(type, from: Data(bytes))
  }

  /// Reads the values of a log with one value per line. A line that cannot be read is left out, such as a last line
  /// that was cut short when the process was killed.
  package static func decodeLines<Value: Decodable>(_ type: Value.Type, from bytes: Data) -> [Value] {
    bytes.split(separator: UInt8(ascii: "\n")).compactMap { try? decode(type, from: $0) }
  }
}

/// An optional property that is written as null where it is absent; a plain optional leaves its key out.
@propertyWrapper
package struct Nullable<Value: Codable & Sendable & Equatable>: Codable, Sendable, Equatable {
  package var wrappedValue: Value?

  package init(wrappedValue: Value?) { self.wrappedValue = wrappedValue }

  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    wrappedValue = container.decodeNil() ? nil : try container.decode(Value.self)
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    if let wrappedValue { try container.encode(wrappedValue) } else { try container.encodeNil() }
  }
}
