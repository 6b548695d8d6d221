import Support
import Testing

@Suite struct SHA256Tests {
  /// FIPS 180-2's examples, and a stream in odd portions.
  @Test("SHA-256 of the standard's examples is right, in one piece and in odd portions.")
  func sha256KnowsTheStandardsExamples() {
    #expect(SHA256.hex(of: "") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    #expect(SHA256.hex(of: "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    let digest = SHA256()
    for portion in ["abcdbcdecdefdefgefghfghighijhi", "", "jkijkljklmklmnlmnomnopnopq"] { digest.update(portion) }
    #expect(digest.hex() == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")
  }

  /// The first eight bytes of the digest of "abc", lowest first.
  @Test("The word of a digest is its first eight bytes, lowest first.")
  func theWordIsTheDigestsStart() {
    let abc: [UInt8] = [0x61, 0x62, 0x63]
    #expect(abc.withUnsafeBytes { SHA256.word(of: $0) } == 0xEACF_018F_BF16_78BA)
    #expect([UInt8]().withUnsafeBytes { SHA256.word(of: $0) } == 0x141C_FC98_42C4_B0E3)
  }
}
