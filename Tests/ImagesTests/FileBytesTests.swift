import Foundation
import Images
import Testing

@Suite struct FileBytesTests {
  @Test func replacingIsWholeOrNotAtAll() throws {
    let folder = try Golden.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let file = folder + "/a"
    try FileBytes.replace(file, with: [1, 2, 3])
    try FileBytes.replace(file, with: [4])
    #expect(try FileBytes.read(file) == [4])
    // What cannot be renamed over stays, and nothing is left beside it.
    try FileManager.default.createDirectory(atPath: folder + "/b/c", withIntermediateDirectories: true)
    let error = #expect(throws: ImageError.self) { try FileBytes.replace(folder + "/b", with: [1]) }
    #expect(try #require(error).description.contains("cannot write \(folder)/b: Is a directory"))
    #expect(throws: ImageError.unwritable(file: "/nowhere/a", reason: "No such file or directory")) {
      try FileBytes.replace("/nowhere/a", with: [1])
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == ["a", "b"])
  }
}
