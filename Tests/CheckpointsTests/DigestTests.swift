import Checkpoints
import Tensors
import Testing

@Suite struct DigestTests {
  /// FIPS 180-2's examples, and a stream in odd portions.
  @Test func sha256KnowsTheStandardsExamples() {
    #expect(SHA256.hex(of: "") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    #expect(SHA256.hex(of: "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    let digest = SHA256()
    for portion in ["abcdbcdecdefdefgefghfghighijhi", "", "jkijkljklmklmnlmnomnopnopq"] { digest.update(portion) }
    #expect(digest.hex() == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")
  }

  /// Computed with Python's hashlib over the bytes that the documentation of `WeightsDigest` spells out:
  /// b"a.weight\n2x1\n" + struct.pack("<2f", 1, -2.5) + b"b.bias\n1\n" + struct.pack("<f", 0.1)
  @Test func weightsDigestIsTheDocumentedOne() {
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
