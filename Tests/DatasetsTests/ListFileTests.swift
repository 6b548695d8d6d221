import Datasets
import Foundation
import Images
import Testing

@Suite struct ListFileTests {
  /// As sha256sum and md5sum print them.
  @Test func digestsAreTheWorlds() throws {
    #expect(Digest.sha256("abc".utf8) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(Digest.sha256([UInt8]()) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    let scratch = try Scratch()
    defer { scratch.remove() }
    try scratch.write([UInt8](repeating: 97, count: 5_000_000), to: "a")
    #expect(try Digest.of(file: scratch.path + "/a", .md5) == "ca6e2f55ffd30e828d900707296d91d9")
    var read: [Int] = []
    #expect(try Digest.of(file: scratch.path + "/a", .sha256) { read.append($0) } != nil)
    #expect(read.last == 5_000_000 && read.count >= 2)
    #expect(throws: ImageError.self) { try Digest.of(file: scratch.path + "/b", .md5) }
  }

  @Test func listsCarryTheDigestOfTheirBody() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    let path = scratch.path + "/list.txt"
    try ListFile.write(["one", "two"], comments: ["seed 1"], to: path)
    let text = String(decoding: try FileBytes.read(path), as: UTF8.self)
    #expect(text == "# seed 1\n# sha256 \(Digest.sha256("one\ntwo\n".utf8))\none\ntwo\n")
    #expect(try ImageList.read(path).map(\.id) == ["one", "two"])
    func agrees(_ text: String) -> Bool? { ListFile.digests(Array(text.utf8)).map { $0.stated == $0.found } }
    #expect(agrees(text) == true && agrees("\u{FEFF}" + text.replacingOccurrences(of: "\n", with: "\r\n")) == true)
    #expect(agrees(String(text.dropLast())) == true)
    #expect(agrees(String(text.dropLast(2))) == false && agrees(text + "three\n") == false)
    #expect(agrees("one\ntwo\n") == nil)
  }
}
