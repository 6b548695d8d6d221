// Damaged MATLAB files: changed as bytes, inside compressed data, and as a tree of elements with valid lengths.
import Foundation
import Images
import Preparation
import Support

struct MATInputs: FuzzedDecoder {
  let seeds: [[UInt8]]
  private let trees: [[Variable]]
  private let file: String

  struct Element {
    var type: Int
    var data: [UInt8] = []
    /// The elements of a matrix.
    var members: [Element] = []
    /// True where the data are in the tag.
    var inTag = false
  }

  struct Variable {
    var compressed: Bool
    var elements: [Element]
  }

  init(file: String) throws {
    self.file = file
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("PreparationTests/Fixtures").path
    seeds = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".mat") }.sorted()
      .map { try FileBytes.read("\(folder)/\($0)") }
    trees = seeds.compactMap(Self.variables)
    precondition(trees.count >= 8, "fixtures of the MATLAB reader that cannot be read")
  }

  func decode(_ bytes: [UInt8]) throws {
    try FileBytes.write(bytes, to: file)
    let mask = try SBDMask.decode(file: file)
    try FuzzedDecoders.check(width: mask.width, height: mask.height, values: mask.indices.count, channels: 1)
  }

  func input(_ mutation: Mutation) -> [UInt8] {
    if mutation.chance(15) {
      var bytes = mutation.pick(seeds)
      mutation.change(&bytes, other: mutation.pick(seeds))
      return bytes
    }
    var variables = mutation.pick(trees)
    // The bytes of a variable, with only the total length corrected.
    if mutation.chance(25), let first = variables.first {
      var content = first.elements.flatMap(Self.bytes)
      mutation.chance(50) ? mutation.changeNumber(&content, aligned: 4) : mutation.change(&content, other: content)
      if mutation.chance(80), content.count >= 8 { content.put(little: UInt32(content.count - 8), at: 4) }
      return Self.header + Self.bytes(content, compressed: mutation.chance(50))
    }
    if mutation.chance(10) { mutation.rearrange(&variables, other: mutation.pick(trees)) }
    let other = mutation.pick(trees).flatMap(\.elements).first?.members ?? []
    for _ in 0..<mutation.few() where !variables.isEmpty {
      let at = mutation.below(variables.count)
      var target = mutation.below(max(Self.count(variables[at].elements), 1))
      change(&variables[at].elements, &target, mutation, other: other)
      if mutation.chance(10) { variables[at].compressed.toggle() }
    }
    return Self.header + variables.flatMap { Self.bytes($0.elements.flatMap(Self.bytes), compressed: $0.compressed) }
  }

  /// Changes element number `target` in the order of the file.
  private func change(_ elements: inout [Element], _ target: inout Int, _ mutation: Mutation, other: [Element]) {
    for at in elements.indices {
      if target == 0 {
        target = -1
        switch mutation.below(8) {
        case 0, 1: mutation.rearrange(&elements, other: other)
        case 2: elements[at].type = mutation.chance(70) ? 1 + mutation.below(18) : Int(mutation.byte())
        case 3: elements[at].inTag.toggle()
        case 4: mutation.change(&elements[at].data, other: other.first?.data ?? [0])
        case 5: mutation.changeNumber(&elements[at].data, aligned: 4)
        default: mutation.changeInPlace(&elements[at].data)
        }
        return
      }
      target -= 1
      if !elements[at].members.isEmpty { change(&elements[at].members, &target, mutation, other: other) }
      if target < 0 { return }
    }
  }

  private static func count(_ elements: [Element]) -> Int { elements.reduce(0) { $0 + 1 + count($1.members) } }

  // MARK: Files

  private static let header: [UInt8] =
    Array("MATLAB 5.0 MAT-file, fuzzed".utf8) + [UInt8](repeating: 32, count: 97) + [0, 1, 0x49, 0x4D]

  private static func bytes(_ content: [UInt8], compressed: Bool) -> [UInt8] {
    guard compressed else { return content }
    let data = Zlib.deflate(content)
    var bytes: [UInt8] = []
    bytes.append(little: 15, 4)
    bytes.append(little: data.count, 4)
    return bytes + data
  }

  private static func bytes(_ element: Element) -> [UInt8] {
    let content = element.data + element.members.flatMap(bytes)
    var bytes: [UInt8] = []
    if element.inTag && content.count <= 4 {
      bytes.append(little: element.type & 0xFFFF | content.count << 16, 4)
      return bytes + content + [UInt8](repeating: 0, count: 4 - content.count)
    }
    bytes.append(little: element.type, 4)
    bytes.append(little: content.count, 4)
    return bytes + content + [UInt8](repeating: 0, count: (8 - content.count % 8) % 8)
  }

  /// Returns nil for a file of another format.
  private static func variables(_ bytes: [UInt8]) -> [Variable]? {
    guard bytes.count > 128, bytes[126] == 0x49 else { return nil }
    var (variables, at): ([Variable], Int) = ([], 128)
    while at + 8 <= bytes.count {
      let (type, size) = (bytes.little(at, 4), bytes.little(at + 4, 4))
      guard size <= bytes.count - at - 8 else { return nil }
      if type == 15 {
        guard let content = Zlib.inflate(Array(bytes[at + 8..<at + 8 + size])), let elements = elements(content) else {
          return nil
        }
        variables.append(Variable(compressed: true, elements: elements))
      } else {
        guard let elements = elements(Array(bytes[at..<at + 8 + size])) else { return nil }
        variables.append(Variable(compressed: false, elements: elements))
      }
      at += 8 + size
    }
    return variables
  }

  private static func elements(_ bytes: [UInt8]) -> [Element]? {
    var (elements, at): ([Element], Int) = ([], 0)
    while at + 8 <= bytes.count {
      let (type, inTag) = (bytes.little(at, 2), bytes.little(at + 2, 2))
      if inTag > 0 {
        guard inTag <= 4 else { return nil }
        elements.append(Element(type: type, data: Array(bytes[at + 4..<at + 4 + inTag]), inTag: true))
        at += 8
        continue
      }
      let size = bytes.little(at + 4, 4)
      guard size <= bytes.count - at - 8 else { return nil }
      let data = Array(bytes[at + 8..<at + 8 + size])
      if type == 14, let members = Self.elements(data), !members.isEmpty {
        elements.append(Element(type: type, members: members))
      } else {
        elements.append(Element(type: type, data: data))
      }
      at += 8 + (size + 7) / 8 * 8
    }
    return elements
  }
}
