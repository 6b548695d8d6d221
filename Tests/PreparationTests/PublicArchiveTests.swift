// Tests of the verification and unpacking of public archives.
import Datasets
import Foundation
import Images
import Preparation
import Support
import Testing

@Suite struct PublicArchiveTests {
  /// A tar file of voc/ as VOCdevkit/VOC2012, and its description.
  func archive(_ scratch: Scratch) throws -> (file: String, archive: PublicArchive) {
    try scratch.addVOC()
    let tar = Process()
    tar.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    tar.arguments = [
      "tar", "-cf", "\(scratch.path)/a.tar", "-C", scratch.path, "--transform", "s,^voc,VOCdevkit/VOC2012,", "voc",
    ]
    try tar.run()
    tar.waitUntilExit()
    try #require(tar.terminationStatus == 0)
    let digest = try #require(try FileMD5.hex(of: "\(scratch.path)/a.tar"))
    return (
      "\(scratch.path)/a.tar",
      PublicArchive(name: "VOC", md5: digest, source: "http://example.org/a.tar", folder: "VOCdevkit/VOC2012")
    )
  }

  @Test("A valid archive is verified and unpacked once.")
  func theRightArchiveIsUnpackedOnce() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    let (file, archive) = try archive(scratch)
    var remembered: [String: String] = [:]
    let out = "\(scratch.path)/out"
    #expect(try archive.verifyAndExtract(file, at: out, remembered: &remembered) == (true, true))
    #expect(try scratch.read("out/JPEGImages/own1.jpg") == scratch.read("voc/JPEGImages/own1.jpg"))
    #expect(try archive.verifyAndExtract(file, at: out, remembered: &remembered) == (false, false))
    // A file with a new modification time is read again.
    try scratch.write(scratch.read("a.tar"), to: "a.tar")
    #expect(try archive.verifyAndExtract(file, at: out, remembered: &remembered) == (true, false))
    #expect(scratch.names("").allSatisfy { !$0.contains("partial") })
  }

  @Test("Another archive is an error.")
  func otherArchivesAreErrors() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    let (file, archive) = try archive(scratch)
    try scratch.write(Array(try scratch.read("a.tar").dropLast(2000)), to: "a.tar")
    var remembered: [String: String] = [:]
    let error = #expect(throws: PreparationError.self) {
      try archive.verifyAndExtract(file, at: "\(scratch.path)/out", remembered: &remembered)
    }
    let text = try #require(error).description
    #expect(
      text.contains("a.tar") && text.contains(archive.md5) && text.contains("fetch it again from http://example.org"))
    #expect(!scratch.exists("out") && remembered.isEmpty)
    #expect(throws: FileError.self) { try archive.verify("\(scratch.path)/absent.tar") }
  }

  /// The digest is right, but unpacking fails.
  @Test("A failure of tar leaves no files.")
  func failuresOfTarLeaveNothing() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    try scratch.write("no archive at all", to: "a.tar")
    let digest = try #require(try FileMD5.hex(of: "\(scratch.path)/a.tar"))
    let archive = PublicArchive(name: "VOC", md5: digest, source: "-", folder: "VOCdevkit/VOC2012")
    var remembered: [String: String] = [:]
    let error = #expect(throws: PreparationError.self) {
      try archive.verifyAndExtract("\(scratch.path)/a.tar", at: "\(scratch.path)/out", remembered: &remembered)
    }
    #expect(try #require(error).description.contains("cannot unpack"))
    #expect(scratch.names("") == ["a.tar"])
  }

  @Test("The digests are the published ones.")
  func theDigestsAreThePublishedOnes() {
    #expect(
      PublicArchive.voc.md5 == "6cd6e144f989b92b3379bac3b3de84fd"
        && PublicArchive.sbd.md5 == "82b4d87ceb2ed10f6038a1cba92111cb")
  }
}
