// Random changes of bytes, keyed by seed, decoder and number of the input, so that an input is the same on every
// machine.
import Randomness

final class Mutation {
  private var random: CounterRandom

  init(seed: UInt64, decoder: String, number: Int) {
    random = CounterRandom(seed: seed, CounterRandom.word(of: decoder), UInt64(number))
  }

  // MARK: Draws

  func below(_ bound: Int) -> Int { random.integer(below: bound) }
  func chance(_ percent: Int) -> Bool { below(100) < percent }
  func pick<T>(_ choices: [T]) -> T { choices[below(choices.count)] }
  func byte() -> UInt8 { UInt8(truncatingIfNeeded: random.next()) }

  /// Draws 1 with probability 1/2, 2 with 1/4, and so on.
  func few(_ limit: Int = 8) -> Int { min(random.next().trailingZeroBitCount + 1, limit) }

  /// Draws a length of at least 1, log-uniformly.
  private func length(_ limit: Int) -> Int { min(1 + below(1 << below(9)), limit) }

  /// Draws a range of places, which is empty only where there are none.
  func part(of count: Int) -> Range<Int> {
    guard count > 0 else { return 0..<0 }
    let start = below(count)
    return start..<start + length(count - start)
  }

  /// Numbers at which fields overflow, change sign or become invalid.
  func edge() -> UInt64 {
    switch below(4) {
    case 0: pick([0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17])
    case 1: (1 << UInt64(below(64))) &- UInt64(below(3)) &+ 1
    case 2: ~UInt64(below(20))
    default: pick([0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0xFFFF_FFF8])
    }
  }

  // MARK: Changes

  /// Changes the bytes in one to eight ways; `other` is another file of the kind, for splices.
  func change(_ bytes: inout [UInt8], other: [UInt8]) { for _ in 0..<few() { changeOnce(&bytes, other: other) } }

  /// Changes the bytes without changing their number.
  func changeInPlace(_ bytes: inout [UInt8]) {
    for _ in 0..<few() where !bytes.isEmpty {
      switch below(4) {
      case 0: bytes[below(bytes.count)] ^= 1 << UInt8(below(8))
      case 1: bytes[below(bytes.count)] = pick([0, 1, 0x7F, 0x80, 0xFE, 0xFF])
      case 2: bytes[below(bytes.count)] = byte()
      default: changeNumber(&bytes)
      }
    }
  }

  private func changeOnce(_ bytes: inout [UInt8], other: [UInt8]) {
    guard !bytes.isEmpty else {
      bytes = Array(other[part(of: other.count)])
      return
    }
    let (here, there) = (part(of: bytes.count), part(of: bytes.count))
    switch below(20) {
    case 0...7: changeInPlace(&bytes)
    case 8...10: changeNumber(&bytes)
    case 11: bytes.removeSubrange(here)
    case 12: bytes.insert(contentsOf: bytes[here], at: here.upperBound)
    case 13: bytes.replaceSubrange(here, with: Array(bytes[there]))
    case 14: bytes.insert(contentsOf: Array(bytes[there]), at: here.lowerBound)
    case 15: bytes.removeSubrange(here.lowerBound...)
    case 16: bytes.insert(contentsOf: here.map { _ in byte() }, at: here.lowerBound)
    case 17: bytes.replaceSubrange(here.lowerBound..., with: other[part(of: other.count).lowerBound...])
    case 18: bytes.insert(contentsOf: other[part(of: other.count)], at: here.lowerBound)
    default: for place in here { bytes[place] = bytes[here.lowerBound] }
    }
  }

  /// Changes a number of 2, 4 or 8 bytes in either byte order to an edge case or a nearby value.
  func changeNumber(_ bytes: inout [UInt8], aligned: Int = 1) {
    let width = 2 << below(3)
    guard bytes.count >= width else { return }
    let start = below((bytes.count - width) / aligned + 1) * aligned
    let places = chance(50) ? Array(start..<start + width) : (start..<start + width).reversed()
    let old = places.reduce(UInt64(0)) { $0 << 8 | UInt64(bytes[$1]) }
    var value = chance(50) ? edge() : old &+ UInt64(below(33)) &- 16
    for place in places.reversed() {
      bytes[place] = UInt8(truncatingIfNeeded: value)
      value >>= 8
    }
  }

  /// Removes, repeats, exchanges or inserts members of a sequence.
  func rearrange<T>(_ members: inout [T], other: [T]) {
    guard !members.isEmpty else { return }
    let (a, b) = (below(members.count), below(members.count))
    switch below(4) {
    case 0: members.remove(at: a)
    case 1: members.insert(members[a], at: b)
    case 2: members.swapAt(a, b)
    default: if !other.isEmpty { members.insert(pick(other), at: a) }
    }
  }
}

extension [UInt8] {
  mutating func append(little value: Int, _ width: Int) {
    for place in 0..<width { append(UInt8(truncatingIfNeeded: value >> (8 * place))) }
  }

  mutating func append(big value: Int, _ width: Int) {
    for place in (0..<width).reversed() { append(UInt8(truncatingIfNeeded: value >> (8 * place))) }
  }

  mutating func put(little value: some FixedWidthInteger, at start: Int) {
    for place in 0..<value.bitWidth / 8 where start + place < count {
      self[start + place] = UInt8(truncatingIfNeeded: value >> (8 * place))
    }
  }

  func little(_ start: Int, _ width: Int) -> Int {
    (0..<width).reversed().reduce(0) { $0 << 8 | Int(self[start + $1]) }
  }
  func big(_ start: Int, _ width: Int) -> Int { (0..<width).reduce(0) { $0 << 8 | Int(self[start + $1]) } }
}
