// The preparation of one image: photograph and mask are decoded and compared, and the mask is written for training.
import Datasets
import Foundation
import Images
import Support

struct MaskPreparation: Sendable {
  enum Work: Sendable {
    /// No file has changed since an earlier run.
    case unchanged
    /// The files were checked, and the same mask was already there.
    case verified
    case written
    /// The diagnostics have a fault.
    case refused
  }

  struct Outcome: Sendable {
    var work: Work
    var entry: PreparationState.Entry?
    var diagnostics: [Diagnostic] = []
  }

  let sources: PreparationSources
  let directory: VOCDirectory
  /// The folder SegmentationClassAug to write to.
  let folder: String
  let state: PreparationState

  func photograph(_ id: String) -> String { "\(sources.root)/JPEGImages/\(id).jpg" }

  /// Checks an image and writes its mask. Faults of the data are in the outcome; only `FileError.unwritable` is thrown,
  /// because later images would fail too.
  func prepare(_ id: String) throws -> Outcome {
    guard let origin = sources.origin(id) else {
      return refused(
        "masks that are missing",
        "no mask for \(id) in \(sources.root)/SegmentationClass\(sources.sbd.map { ", \($0)/cls" } ?? "") or "
          + "SegmentationClassAug: "
          + (sources.sbd == nil
            ? "give SBD's folder by --sbd, or take \(id) out of the list"
            : "fetch SBD again, or take \(id) out of its lists"))
    }
    let path = sources.path(id, origin)
    let target = "\(folder)/\(id).png"
    let isInPlace = origin == .merged && sameFile(path, target)
    if let entry = state.images[id], entry.photograph == PreparationState.stamp(photograph(id)),
      entry.source == stamp(path), entry.output == PreparationState.stamp(target)
    {
      return Outcome(work: .unchanged, entry: entry, diagnostics: notes(entry.facts, id))
    }
    do {
      let (facts, mask) = try decode(id, path, origin)
      var diagnostics = notes(facts, id)
      if origin != .sbd && !facts.converted { diagnostics += DatasetCheck.sortedPalette(mask, path).map { [$0] } ?? [] }
      if let diagnostic = difference(id, mask, origin, target: target) { diagnostics.append(diagnostic) }
      var work = Work.verified
      if isInPlace ? facts.converted : !holds(target, mask) {
        if let refusal = foreign(id, target, isInPlace) {
          return Outcome(work: .refused, diagnostics: diagnostics + [refusal])
        }
        try AtomicFile.write(PNG.encode(mask), to: target)
        work = .written
      }
      let entry = PreparationState.Entry(
        photograph: PreparationState.stamp(photograph(id)) ?? "", source: stamp(path),
        output: PreparationState.stamp(target) ?? "", facts: facts)
      return Outcome(work: work, entry: entry, diagnostics: diagnostics)
    } catch FileError.unwritable(let file, let reason) {
      throw FileError.unwritable(file: file, reason: reason)
    } catch { return refused("photographs and masks", "\(error)") }
  }

  /// Decodes photograph and mask, which must have the same size and valid indices.
  private func decode(
    _ id: String, _ path: String, _ origin: PreparationSources.Origin
  ) throws -> (ImageFacts, IndexImage) {
    let bytes = try FileBytes.read(photograph(id))
    let image = try Photograph.decode(bytes, file: photograph(id))
    let (mask, converted) = origin == .sbd ? (try SBDMask.decode(file: path), false) : try decode(path)
    try directory.requireClasses(of: mask, name: path)
    guard (mask.width, mask.height) == (image.width, image.height) else {
      throw DatasetError.sizeMismatch(
        photograph: photograph(id), width: image.width, height: image.height, mask: path, maskWidth: mask.width,
        maskHeight: mask.height)
    }
    let pixels = Dictionary(uniqueKeysWithValues: mask.counts.enumerated().filter { $1 > 0 }.map { ($0, $1) })
    return (
      ImageFacts(
        width: mask.width, height: mask.height, orientation: EXIF.orientation(bytes), pixels: pixels,
        converted: converted),
      mask
    )
  }

  /// Decodes a PNG mask that holds indices or VOC's colours.
  private func decode(_ path: String) throws -> (IndexImage, converted: Bool) {
    let bytes = try FileBytes.read(path)
    do throws(ImageError) { return (try PNG.decodeIndices(bytes, file: path), false) } catch {
      guard case .notIndices = error else { throw error }
      return (try PNG.decodeColoredIndices(bytes, classes: directory.classes, file: path), true)
    }
  }

  /// Returns true where the file holds exactly this mask.
  private func holds(_ file: String, _ mask: IndexImage) -> Bool {
    access(file, F_OK) == 0 && (try? PNG.decodeIndices(file: file)) == mask
  }

  /// Returns a fault where an intact, different mask that dnet did not write is at the target.
  private func foreign(_ id: String, _ target: String, _ isInPlace: Bool) -> Diagnostic? {
    guard !isInPlace, let there = try? PNG.decodeIndices(file: target),
      state.images[id]?.output != PreparationState.stamp(target)
    else { return nil }
    return Diagnostic(
      .fault, "other masks in the way",
      "\(target) (\(there.width) x \(there.height)) differs from the mask of \(id) in "
        + "\(sources.path(id, sources.origin(id)!)): move it "
        + "away, or give another --output")
  }

  /// Returns a warning where a merged mask of the same image differs.
  private func difference(
    _ id: String, _ mask: IndexImage, _ origin: PreparationSources.Origin, target: String
  ) -> Diagnostic? {
    let merged = sources.path(id, .merged)
    guard origin != .merged, sources.mergedMasks.contains(id), !sameFile(merged, target) else { return nil }
    guard let (there, _) = try? decode(merged) else {
      return Diagnostic(.warning, "merged masks", "\(merged) cannot be read; \(sources.path(id, origin)) is used")
    }
    let same = there.width == mask.width && there.height == mask.height
    let count = same ? zip(there.indices, mask.indices).count { $0 != $1 } : mask.indices.count
    guard count > 0 else { return nil }
    return Diagnostic(
      .warning, "merged masks that differ",
      "\(merged) differs from \(sources.path(id, origin)) in \(count) of \(mask.indices.count) pixels; the "
        + "latter is used"
    )
  }

  private func notes(_ facts: ImageFacts, _ id: String) -> [Diagnostic] {
    DatasetCheck.orientation(facts.orientation, photograph(id)).map { [$0] } ?? []
  }

  private func refused(_ kind: String, _ text: String) -> Outcome {
    Outcome(work: .refused, diagnostics: [Diagnostic(.fault, kind, text)])
  }

  private func stamp(_ path: String) -> String { "\(path) \(PreparationState.stamp(path) ?? "")" }

  private func sameFile(_ a: String, _ b: String) -> Bool {
    var (first, second) = (stat(), stat())
    return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_ino == second.st_ino
      && first.st_dev == second.st_dev
  }
}
