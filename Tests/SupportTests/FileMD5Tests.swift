// Tests of the MD5 digest of files.
import Support
import Testing

@Suite struct FileMD5Tests {
  @Test("The MD5 is the one that md5sum prints.") func isTheOneOfMD5sum() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    try FileBytes.write([UInt8](repeating: 97, count: 5_000_000), to: scratch.file("a"))
    var read: [Int] = []
    #expect(try FileMD5.hex(of: scratch.file("a")) { read.append($0) } == "ca6e2f55ffd30e828d900707296d91d9")
    #expect(read.last == 5_000_000 && read.count >= 2)
    #expect(throws: FileError.self) { try FileMD5.hex(of: scratch.file("b")) }
  }
}
