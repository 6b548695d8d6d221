// Tests of the digest of weights.
import Checkpoints
import Compute
import Testing

@Suite struct WeightsDigestTests {
  /// Computed with Python's hashlib over the bytes that the documentation of `WeightsDigest` spells out:
  /// b"a.weight\n2x1\n" + struct.pack("<2f", 1, -2.5) + b"b.bias\n1\n" + struct.pack("<f", 0.1)
  @Test("The digest is the documented one.")
  func weightsDigestIsTheDocumentedOne() {
    let values: [Float] = [1, -2.5, 0.1]
    values.withUnsafeBufferPointer { values in
      let a = NamedTensor(name: "a.weight", shape: [2, 1], values: UnsafeBufferPointer(rebasing: values[0..<2]))
      let b = NamedTensor(name: "b.bias", shape: [1], values: UnsafeBufferPointer(rebasing: values[2..<3]))
      #expect(WeightsDigest.hex(of: [b, a]) == "6716d1dcf1aabcd86213dffd5a3aeae0e9951492eb649e61928ced1480c12bdf")
      #expect(WeightsDigest.hex(of: [a, b]) == WeightsDigest.hex(of: [b, a]))
      let other = NamedTensor(name: "a.weight", shape: [1, 2], values: a.values)
      #expect(WeightsDigest.hex(of: [other, b]) != WeightsDigest.hex(of: [a, b]))
    }
  }
}
