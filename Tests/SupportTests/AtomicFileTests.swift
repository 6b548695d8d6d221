// Tests of atomic writes.
import Foundation
import Support
import Testing

@Suite struct AtomicFileTests {
  @Test("An existing file stays until the new one is published.") func theOldFileStaysUntilTheNewOneIsWhole() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    let path = scratch.file("f")
    try FileBytes.write("old".utf8, to: path)
    do {
      let file = try AtomicFile(path)
      try file.append(Array("new".utf8))
      #expect(try FileBytes.read(path) == Array("old".utf8))
    }
    #expect(try scratch.names() == ["f"], "the unfinished file is gone")
    let file = try AtomicFile(path)
    try file.append(Array("0000 and more".utf8))
    try file.replace(at: 1, by: Array("12".utf8))
    #expect(file.count == 13)
    try file.publish()
    #expect(try FileBytes.read(path) == Array("0120 and more".utf8))
    #expect(throws: FileError.self) { _ = try AtomicFile(scratch.file("none/f")) }
  }

  @Test("A file is written as a whole or not at all.") func writingIsWholeOrNotAtAll() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    let file = scratch.file("a")
    try AtomicFile.write([1, 2, 3], to: file)
    try AtomicFile.write([4], to: file)
    #expect(try FileBytes.read(file) == [4])
    // A path that cannot be renamed over stays, and no temporary file is left.
    try FileBytes.makeFolder(scratch.file("b/c"))
    let error = #expect(throws: FileError.self) { try AtomicFile.write([1], to: scratch.file("b")) }
    #expect(try #require(error).description.contains("cannot write \(scratch.file("b")): Is a directory"))
    #expect(throws: FileError.unwritable(file: "/nowhere/a", reason: "No such file or directory")) {
      try AtomicFile.write([1], to: "/nowhere/a")
    }
    #expect(try scratch.names() == ["a", "b"])
  }

  @Test("A text is written in UTF-8, with the permissions that the umask leaves.") func textsHonourTheUmask() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    try AtomicFile.write("\u{e9}\n", to: scratch.file("text"))
    #expect(try FileBytes.read(scratch.file("text")) == [0xC3, 0xA9, 0x0A])
    // A file that the C library creates with the same mode.
    try FileBytes.write([1], to: scratch.file("plain"))
    func mode(_ name: String) throws -> Int {
      try #require(FileManager.default.attributesOfItem(atPath: scratch.file(name))[.posixPermissions] as? Int)
    }
    #expect(try mode("text") == mode("plain"))
  }
}
