// A fixed-size array without bounds checks, for the inner loops of the search.

/// A buffer of trivial values that lives as long as this object.
final class UncheckedBuffer<Element> {
  let base: UnsafeMutablePointer<Element>
  let count: Int

  init(repeating value: Element, count: Int) {
    precondition(_isPOD(Element.self), "only trivial values")
    self.count = count
    base = .allocate(capacity: max(count, 1))
    base.initialize(repeating: value, count: count)
  }

  init(_ values: [Element]) {
    precondition(_isPOD(Element.self), "only trivial values")
    count = values.count
    base = .allocate(capacity: max(count, 1))
    values.withUnsafeBufferPointer { if count > 0 { base.initialize(from: $0.baseAddress!, count: count) } }
  }

  deinit { base.deallocate() }
}
