// Tests of generated list files and their digest.
import Datasets
import Foundation
import Images
import Support
import Testing

@Suite struct ListFileTests {
  @Test("A list states the digest of its body.")
  func listsCarryTheDigestOfTheirBody() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    let path = scratch.path + "/list.txt"
    try ListFile.write(["one", "two"], comments: ["seed 1"], to: path)
    let text = String(decoding: try FileBytes.read(path), as: UTF8.self)
    #expect(text == "# seed 1\n# sha256 \(SHA256.hex(of: "one\ntwo\n"))\none\ntwo\n")
    #expect(try ImageList.read(path).map(\.id) == ["one", "two"])
    func agrees(_ text: String) -> Bool? { ListFile.digests(Array(text.utf8)).map { $0.stated == $0.found } }
    #expect(agrees(text) == true && agrees("\u{FEFF}" + text.replacingOccurrences(of: "\n", with: "\r\n")) == true)
    #expect(agrees(String(text.dropLast())) == true)
    #expect(agrees(String(text.dropLast(2))) == false && agrees(text + "three\n") == false)
    #expect(agrees("one\ntwo\n") == nil)
  }
}
