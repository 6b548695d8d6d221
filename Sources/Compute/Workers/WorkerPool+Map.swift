// A parallel map over the worker pool for bodies that return values or throw.

extension WorkerPool {
  /// Returns the results of `body` in the order of the elements, or throws the error of the first element that has one.
  package func map<Element: Sendable, Value>(
    _ elements: [Element], _ body: (Element) throws -> Value
  ) throws -> [Value] {
    var results = [Result<Value, any Error>?](repeating: nil, count: elements.count)
    results.withUnsafeMutableBufferPointer { results in
      run(elements.count) { task, _ in results[task] = Result { try body(elements[task]) } }
    }
    return try results.map { try $0!.get() }
  }
}
