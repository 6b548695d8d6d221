// Tests of mapped files.
import Support
import Testing

@Suite struct MappedFileTests {
  @Test("A mapped file has the file's bytes.") func mapsTheBytes() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    try FileBytes.write("0120 and more".utf8, to: scratch.file("f"))
    let mapped = try MappedFile(scratch.file("f"))
    withExtendedLifetime(mapped) { #expect(Array(mapped.bytes) == Array("0120 and more".utf8)) }
    try FileBytes.write([], to: scratch.file("empty"))
    #expect(try MappedFile(scratch.file("empty")).bytes.isEmpty)
    #expect(throws: FileError.self) { try MappedFile(scratch.file("none")) }
  }
}
