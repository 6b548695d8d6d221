// Tests of reading and writing whole files.
import Foundation
import Support
import Testing

@Suite struct FileBytesTests {
  @Test("A file that was written is read back.") func readsWhatWasWritten() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    try FileBytes.makeFolder(scratch.file("a/b"))
    try FileBytes.write([1, 2, 3], to: scratch.file("a/b/c"))
    #expect(try FileBytes.read(scratch.file("a/b/c")) == [1, 2, 3])
  }

  @Test("Errors of the system name the file and say what to do.") func errorsNameTheFile() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    #expect(throws: FileError.unreadable(file: "/nowhere/a", reason: "No such file or directory")) {
      try FileBytes.read("/nowhere/a")
    }
    #expect(throws: FileError.unreadable(file: scratch.path, reason: "not a file")) {
      try FileBytes.read(scratch.path)
    }
    #expect(throws: FileError.unwritable(file: "/nowhere/a", reason: "No such file or directory")) {
      try FileBytes.write([1], to: "/nowhere/a")
    }
    try FileBytes.write([1], to: scratch.file("a"))
    #expect(throws: FileError.self) { try FileBytes.makeFolder(scratch.file("a")) }
    #expect(
      FileError.unreadable(file: "a", reason: "why").description
        == "cannot read a: why; check the path and its permissions")
  }
}
