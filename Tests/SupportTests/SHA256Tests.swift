// Tests of the SHA-256 digest.
import Support
import Testing

@Suite struct SHA256Tests {
  @Test("The digests of the examples in FIPS 180-2 are right, also for a stream in odd portions.")
  func sha256KnowsTheStandardsExamples() {
    #expect(SHA256.hex(of: "") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    #expect(SHA256.hex(of: "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(SHA256.hex(of: Array("abc".utf8)) == SHA256.hex(of: "abc"))
    let digest = SHA256()
    for portion in ["abcdbcdecdefdefgefghfghighijhi", "", "jkijkljklmklmnlmnomnopnopq"] { digest.update(portion) }
    #expect(digest.hex() == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")
  }

  /// The first eight bytes of the digest of "abc", lowest first.
  @Test("The word is the start of the digest.") func theWordIsTheDigestsStart() {
    #expect(SHA256.word(of: Array("abc".utf8)) == 0xEACF_018F_BF16_78BA)
    #expect(SHA256.word(of: [UInt8]()) == 0x141C_FC98_42C4_B0E3)
  }
}
