// The check behind `dnet data check`. It decodes every file that the lists name, as training will: photographs and
// masks must be intact and of equal size, indices must be classes, ids must be unique, and no image may be in both a
// training list and the validation list.
import Compute
import Foundation
import Images
import Support

package struct DatasetCheck: Sendable {
  package private(set) var lists = 0
  /// The number of distinct images in all lists.
  package private(set) var images = 0
  package private(set) var masks = 0
  package private(set) var diagnostics: [Diagnostic] = []

  /// Checks the lists (paths as `VOCDirectory.listPath` takes them) and every file that they name. `progress` is called
  /// on the calling thread with the number of images done and the total.
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
        diagnostics += Self.duplicates(list, path) + Self.digest(path)
        ids.append((path, Set(list.map(\.id))))
        for image in list where seen.insert("\(image.id) \(image.photograph ?? "") \(image.mask ?? "")").inserted {
          wanted.append(image)
        }
      } catch { diagnostics.append(Diagnostic(.fault, "lists", "\(error)")) }
    }
    diagnostics += Self.leaks(ids)
    images = wanted.count
    let bare = Set(wanted.filter { directory.maskPath($0) == nil }.map(\.id))
    for start in stride(from: 0, to: wanted.count, by: 128) {
      let some = Array(wanted[start..<min(start + 128, wanted.count)])
      let results = (try? workers.map(some) { Self.inspect($0, directory) }) ?? []
      diagnostics += results.flatMap { $0 }
      progress(start + some.count, wanted.count)
    }
    masks = images - bare.count
    if !bare.isEmpty { diagnostics += Self.unlabelled(wanted.filter { bare.contains($0.id) }, directory) }
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
        "\(path), line \(image.line): \(image.id) is on line \(first) already, so it would be drawn twice as "
          + "often; take one out"
      )
    }
  }

  private static func digest(_ path: String) -> [Diagnostic] {
    guard let bytes = try? FileBytes.read(path), let digests = ListFile.digests(bytes), digests.stated != digests.found
    else { return [] }
    return [
      Diagnostic(
        .fault, "lists that were changed",
        "\(path) states the SHA-256 \(digests.stated) for its lines, but theirs is \(digests.found): it was cut "
          + "or edited; "
          + "make it again, or take the line \"# sha256\" out if the change is intended")
    ]
  }

  /// VOC's lists that contain the validation images on purpose.
  private static let validationLists: Set = ["val.txt", "trainval.txt"]

  /// Finds images of val.txt in training lists.
  private static func leaks(_ lists: [(list: String, ids: Set<String>)]) -> [Diagnostic] {
    func name(_ path: String) -> String { String(path.split(separator: "/").last ?? "") }
    guard let validation = lists.first(where: { name($0.list) == "val.txt" }) else { return [] }
    return lists.compactMap { list in
      let shared = list.ids.intersection(validation.ids)
      guard !shared.isEmpty, !validationLists.contains(name(list.list)) else { return nil }
      return Diagnostic(
        .fault, "images for training and validation",
        "\(list.list) and \(validation.list) share \(shared.count) images, such as \(shared.min()!): validation "
          + "results "
          + "would be meaningless; run dnet data prepare, which leaves them out of train_aug.txt")
    }
  }

  // MARK: Images

  private static func inspect(_ image: ListedImage, _ directory: VOCDirectory) -> [Diagnostic] {
    var diagnostics: [Diagnostic] = []
    var photograph: RGBImage?
    let path = directory.photographPath(image)
    if access(path, F_OK) != 0 {
      diagnostics.append(
        Diagnostic(
          .fault, "photographs that are missing", "there is no \(path): fetch it, or take \(image.id) out of the list"))
    } else {
      do {
        let bytes = try FileBytes.read(path)
        photograph = try Photograph.decode(bytes, file: path)
        diagnostics += orientation(EXIF.orientation(bytes), path).map { [$0] } ?? []
      } catch { diagnostics.append(Diagnostic(.fault, "photographs", "\(error)")) }
    }
    guard let maskPath = directory.maskPath(image) else { return diagnostics }
    guard access(maskPath, F_OK) == 0 else {
      return diagnostics + [
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
      diagnostics += sortedPalette(mask, maskPath).map { [$0] } ?? []
    } catch { diagnostics.append(Diagnostic(.fault, "masks", "\(error)")) }
    return diagnostics
  }

  /// Returns a warning where the EXIF orientation is not upright, which dnet ignores.
  package static func orientation(_ value: Int, _ path: String) -> Diagnostic? {
    guard value != 1 else { return nil }
    let turns = [
      "mirrored", "turned by 180 degrees", "mirrored upside down", "mirrored and turned by 90 degrees",
      "turned by 90 degrees",
      "mirrored and turned by 270 degrees", "turned by 270 degrees",
    ]
    return Diagnostic(
      .warning, "photographs with an EXIF orientation",
      "\(path) has EXIF orientation \(value) (\(turns[value - 2])), which dnet does not apply, because masks "
        + "match the stored pixels: check that the mask fits them, and remove the tag (exiftool -Orientation= FILE)")
  }

  /// Returns a warning where a palette has VOC's colours at other indices. Some image tools sort palettes, and with
  /// them the classes.
  package static func sortedPalette(_ mask: IndexImage, _ path: String) -> Diagnostic? {
    guard let bytes = try? FileBytes.read(path), let palette = PNG.palette(bytes) else { return nil }
    let known = Dictionary(
      uniqueKeysWithValues: (Array(0...20) + [IndexImage.ignored]).map { (VOCPalette.color($0), $0) })
    let counts = mask.counts
    let used = palette.indices.filter { counts[$0] > 0 }
    guard used.allSatisfy({ known[palette[$0]] != nil }), let moved = used.first(where: { known[palette[$0]]! != $0 })
    else { return nil }
    return Diagnostic(
      .warning, "masks with a reordered palette",
      "\(path) has VOC's colours at other indices, such as that of class \(known[palette[moved]]!) at index "
        + "\(moved); dnet uses the "
        + "index: if an image tool has sorted the palette, fetch the mask again, or save it as RGB and run dnet "
        + "data prepare")
  }

  /// Returns a fault for each of these images, which have no mask, that has no labels either.
  private static func unlabelled(_ images: [ListedImage], _ directory: VOCDirectory) -> [Diagnostic] {
    let listed = directory.listedLabels()
    return images.filter { listed[$0.id] == nil }.map {
      Diagnostic(.fault, "images without mask and labels", "\(DatasetError.noLabels(id: $0.id))")
    }
  }
}
