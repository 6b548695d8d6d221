// The archives of VOC and SBD as their authors publish them, with the MD5 by which they are commonly identified.
import Datasets
import Foundation
import Images
import Support

package struct PublicArchive: Sendable {
  package let name: String
  package let md5: String
  package let source: String
  /// The folder in the archive whose contents are extracted.
  package let folder: String

  package init(name: String, md5: String, source: String, folder: String) {
    self.name = name
    self.md5 = md5
    self.source = source
    self.folder = folder
  }

  package static let voc = PublicArchive(
    name: "VOC2012 trainval", md5: "6cd6e144f989b92b3379bac3b3de84fd",
    source: "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar", folder: "VOCdevkit/VOC2012")

  package static let sbd = PublicArchive(
    name: "SBD", md5: "82b4d87ceb2ed10f6038a1cba92111cb",
    source: "http://www.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/semantic_contours/benchmark.tgz",
    folder: "benchmark_RELEASE/dataset")

  /// Verifies the archive and extracts it to `destination` where that does not exist. `remembered` maps paths to the
  /// stamps (size and time) of archives that had the right digest; these are not read again, and a new one is added.
  package func verifyAndExtract(
    _ file: String, at destination: String, remembered: inout [String: String], progress: (Int) -> Void = { _ in }
  ) throws -> (verified: Bool, extracted: Bool) {
    let stamp = PreparationState.stamp(file)
    let isKnown = stamp != nil && remembered[file] == stamp
    if !isKnown {
      try verify(file, progress: progress)
      remembered[file] = stamp
    }
    guard access(destination, F_OK) != 0 else { return (!isKnown, false) }
    try extract(file, to: destination)
    return (!isKnown, true)
  }

  /// Does the same with the stamps in the state file of the prepared folder `output`.
  package func verifyAndExtract(
    _ file: String, at destination: String, output: String, progress: (Int) -> Void = { _ in }
  ) throws -> (verified: Bool, extracted: Bool) {
    var state = PreparationState.read(output)
    let result = try verifyAndExtract(file, at: destination, remembered: &state.archives, progress: progress)
    if result.verified && access(output, F_OK) == 0 { try state.write(output) }
    return result
  }

  /// Throws `wrongArchive` where the file is not the published one. `progress` is called with the number of bytes read.
  package func verify(_ file: String, progress: (Int) -> Void = { _ in }) throws {
    guard let found = try FileMD5.hex(of: file, progress: progress) else {
      throw PreparationError.noDigest(name: "MD5")
    }
    guard found == md5 else {
      throw PreparationError.wrongArchive(file: file, name: name, found: found, expected: md5, source: source)
    }
  }

  /// Extracts the contents of `folder` to `destination`, which must not exist. They go to a temporary folder beside it,
  /// which is renamed on success and removed on failure. Throws `notExtracted`.
  package func extract(_ file: String, to destination: String) throws {
    let temporary = "\(destination).\(getpid()).partial"
    try FileBytes.makeFolder(temporary)
    do {
      let tar = Process()
      tar.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      tar.arguments = [
        "tar", "-xf", file, "-C", temporary, "--no-same-owner",
        "--strip-components=\(folder.split(separator: "/").count)", folder,
      ]
      let complaints = Pipe()
      tar.standardError = complaints
      tar.standardInput = FileHandle.nullDevice
      do { try tar.run() } catch {
        throw PreparationError.notExtracted(file: file, reason: "tar: \(error.localizedDescription)")
      }
      let said = complaints.fileHandleForReading.readDataToEndOfFile()
      tar.waitUntilExit()
      guard tar.terminationStatus == 0 else {
        let lines = String(decoding: said, as: UTF8.self).split(separator: "\n").prefix(2).joined(separator: "; ")
        throw PreparationError.notExtracted(
          file: file, reason: lines.isEmpty ? "tar ended with \(tar.terminationStatus)" : lines)
      }
      guard rename(temporary, destination) == 0 else {
        throw PreparationError.notExtracted(file: file, reason: "\(destination): \(String(cString: strerror(errno)))")
      }
    } catch {
      try? FileManager.default.removeItem(atPath: temporary)
      throw error
    }
  }
}
