// Looks at every file that lists name, as training will: whole photographs, whole masks of the same size with indices
// that mean something, ids once, no image in both a training list and the validation list.
import Foundation
import Images
import Compute
import Support

package struct DatasetCheck: Sendable {
  package private(set) var lists = 0
  /// Images, each counted once however many lists name it.
  package private(set) var images = 0
  package private(set) var masks = 0
  package private(set) var findings: [Diagnostic] = []

  /// Checks the lists (paths as `VOCDirectory.listPath` takes them), one after the other, and every file they name.
  /// `progress` is told how many images of how many are done, from the calling thread.
  package init(
    _ directory: VOCDirectory, lists paths: [String], workers: WorkerPool, progress: (Int, Int) -> Void = { _, _ in }
  ) {
    var wanted: [ListedImage] = []
    var seen: Set<String> = []
    var ids: [(list: String, ids: Set<String>)] = []
    for path in paths.map(directory.listPath) {
      do {
        let list = try ImageList.read(path)
        lists += 1
        findings += Self.duplicates(list, path) + Self.digest(path)
        ids.append((path, Set(list.map(\.id))))
        for image in list where seen.insert("\(image.id) \(image.photograph ?? "") \(image.mask ?? "")").inserted {
          wanted.append(image)
        }
      } catch { findings.append(Diagnostic(.fault, "lists", "\(error)")) }
    }
    findings += Self.leaks(ids)
    images = wanted.count
    let bare = Set(wanted.filter { directory.maskPath($0) == nil }.map(\.id))
    for start in stride(from: 0, to: wanted.count, by: 128) {
      let some = Array(wanted[start..<min(start + 128, wanted.count)])
      let results = (try? workers.map(some) { Self.look(at: $0, directory) }) ?? []
      findings += results.flatMap { $0 }
      progress(start + some.count, wanted.count)
    }
    masks = images - bare.count
    if !bare.isEmpty { findings += Self.unlabelled(wanted.filter { bare.contains($0.id) }, directory) }
  }

  // MARK: Lists

  private static func duplicates(_ list: [ListedImage], _ path: String) -> [Diagnostic] {
    var lines: [String: Int] = [:]
    return list.compactMap { image in
      guard let first = lines[image.id] else {
        lines[image.id] = image.line
        return nil
      }
      return Diagnostic(
        .fault, "ids that a list names twice",
        "\(path), line \(image.line): \(image.id) is on line \(first) already, so it would be drawn twice as often; take one out"
      )
    }
  }

  private static func digest(_ path: String) -> [Diagnostic] {
    guard let bytes = try? FileBytes.read(path), let digests = ListFile.digests(bytes), digests.stated != digests.found
    else { return [] }
    return [
      Diagnostic(
        .fault, "lists that were changed",
        "\(path) says that the SHA-256 of its lines is \(digests.stated), and it is \(digests.found): it was cut or edited; "
          + "make it again, or take the line \"# sha256\" out if the change is meant")
    ]
  }

  /// Images of val.txt in lists for training.
  private static func leaks(_ lists: [(list: String, ids: Set<String>)]) -> [Diagnostic] {
    func name(_ path: String) -> String { String(path.split(separator: "/").last ?? "") }
    guard let validation = lists.first(where: { name($0.list) == "val.txt" }) else { return [] }
    return lists.compactMap { list in
      let shared = list.ids.intersection(validation.ids)
      guard !shared.isEmpty, !name(list.list).contains("val") else { return nil }
      return Diagnostic(
        .fault, "images for training and validation",
        "\(list.list) and \(validation.list) share \(shared.count) images, such as \(shared.min()!): results on them would mean "
          + "nothing; run dnet data prepare, which leaves them out of train_aug.txt")
    }
  }

  // MARK: Images

  private static func look(at image: ListedImage, _ directory: VOCDirectory) -> [Diagnostic] {
    var findings: [Diagnostic] = []
    var photograph: RGBImage?
    let path = directory.photographPath(image)
    if access(path, F_OK) != 0 {
      findings.append(
        Diagnostic(
          .fault, "photographs that are missing", "there is no \(path): fetch it, or take \(image.id) out of the list"))
    } else {
      do {
        let bytes = try FileBytes.read(path)
        photograph = try Photograph.decode(bytes, file: path)
        findings += orientation(EXIF.orientation(bytes), path).map { [$0] } ?? []
      } catch { findings.append(Diagnostic(.fault, "photographs", "\(error)")) }
    }
    guard let maskPath = directory.maskPath(image) else { return findings }
    guard access(maskPath, F_OK) == 0 else {
      return findings + [
        Diagnostic(
          .fault, "masks that are missing",
          "there is no \(maskPath): run dnet data prepare, or take \(image.id) out of the list")
      ]
    }
    do {
      let mask = try directory.loadMask(image)
      if let photograph, (photograph.width, photograph.height) != (mask.width, mask.height) {
        throw DatasetError.sizeMismatch(
          photograph: path, width: photograph.width, height: photograph.height, mask: maskPath, maskWidth: mask.width,
          maskHeight: mask.height)
      }
      findings += sortedPalette(mask, maskPath).map { [$0] } ?? []
    } catch { findings.append(Diagnostic(.fault, "masks", "\(error)")) }
    return findings
  }

  /// A camera's note that the picture is to be turned; nil for an upright one.
  package static func orientation(_ value: Int, _ path: String) -> Diagnostic? {
    guard value != 1 else { return nil }
    let turns = [
      "mirrored", "turned by 180 degrees", "mirrored upside down", "mirrored and turned by 90 degrees",
      "turned by 90 degrees",
      "mirrored and turned by 270 degrees", "turned by 270 degrees",
    ]
    return Diagnostic(
      .warning, "photographs that EXIF wants turned",
      "\(path) has EXIF orientation \(value) (\(turns[value - 2])), which dnet does not apply: pixels count as they are stored, as for "
        + "VOC's masks; see that the mask fits them, and take the tag out (exiftool -Orientation= FILE)")
  }

  /// A palette with VOC's colours at other indices: some image tools sort palettes, and with them the classes.
  package static func sortedPalette(_ mask: IndexImage, _ path: String) -> Diagnostic? {
    guard let bytes = try? FileBytes.read(path), let palette = PNG.palette(bytes) else { return nil }
    let known = Dictionary(
      uniqueKeysWithValues: (Array(0...20) + [IndexImage.ignored]).map { (VOCPalette.color($0), $0) })
    let counts = mask.counts
    let used = palette.indices.filter { counts[$0] > 0 }
    guard used.allSatisfy({ known[palette[$0]] != nil }), let moved = used.first(where: { known[palette[$0]]! != $0 })
    else { return nil }
    return Diagnostic(
      .warning, "masks whose palette is sorted otherwise",
      "\(path) has VOC's colours at other places, such as class \(known[palette[moved]]!)'s at index \(moved); dnet goes by the index: if an "
        + "image tool has sorted the palette, fetch the mask again, or save it as RGB and run dnet data prepare")
  }

  /// Images without a mask need labels from a list.
  private static func unlabelled(_ images: [ListedImage], _ directory: VOCDirectory) -> [Diagnostic] {
    let listed = directory.listedLabels()
    return images.filter { listed[$0.id] == nil }.map {
      Diagnostic(.fault, "images without mask and labels", "\(DatasetError.noLabels(id: $0.id))")
    }
  }
}
