// One image of the set: photograph and mask decoded in full and compared, the mask written where training looks for it.
import Datasets
import Foundation
import Images
import Support

struct MaskPreparation: Sendable {
  enum Work: Sendable {
    /// Nothing has changed since an earlier run looked.
    case unchanged
    /// Looked at; the mask was there already, pixel for pixel.
    case verified
    case written
    /// Something is wrong: see the findings.
    case refused
  }

  struct Outcome: Sendable {
    var work: Work
    var entry: PreparationState.Entry?
    var findings: [Diagnostic] = []
  }

  let sources: PreparationSources
  let directory: VOCDirectory
  /// The folder SegmentationClassAug to fill.
  let folder: String
  let state: PreparationState

  func photograph(_ id: String) -> String { "\(sources.root)/JPEGImages/\(id).jpg" }

  /// Looks at an image and makes its mask. Faults of the data are in the outcome; throws `FileError.unwritable`, after
  /// which there is no use in going on.
  func prepare(_ id: String) throws -> Outcome {
    guard let origin = sources.origin(id) else {
      return refused(
        "masks that are missing",
        "no mask for \(id) in \(sources.root)/SegmentationClass\(sources.sbd.map { ", \($0)/cls" } ?? "") or SegmentationClassAug: "
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
      return Outcome(work: .unchanged, entry: entry, findings: notes(entry.facts, id))
    }
    do {
      let (facts, mask) = try look(id, path, origin)
      var findings = notes(facts, id)
      if origin != .sbd && !facts.converted { findings += DatasetCheck.sortedPalette(mask, path).map { [$0] } ?? [] }
      if let finding = difference(id, mask, origin, target) { findings.append(finding) }
      var work = Work.verified
      if isInPlace ? facts.converted : !holds(target, mask) {
        if let refusal = foreign(id, target, isInPlace) {
          return Outcome(work: .refused, findings: findings + [refusal])
        }
        try AtomicFile.write(PNG.encode(mask), to: target)
        work = .written
      }
      let entry = PreparationState.Entry(
        photograph: PreparationState.stamp(photograph(id)) ?? "", source: stamp(path),
        output: PreparationState.stamp(target) ?? "", facts: facts)
      return Outcome(work: work, entry: entry, findings: findings)
    } catch FileError.unwritable(let file, let reason) {
      throw FileError.unwritable(file: file, reason: reason)
    } catch { return refused("photographs and masks", "\(error)") }
  }

  /// Decodes both in full: sizes agree, indices are classes.
  private func look(
    _ id: String, _ path: String, _ origin: PreparationSources.Origin
  ) throws -> (ImageFacts, IndexImage) {
    let bytes = try FileBytes.read(photograph(id))
    let picture = try Photograph.decode(bytes, file: photograph(id))
    let (mask, converted) = origin == .sbd ? (try SBDMask.decode(file: path), false) : try decode(path)
    try directory.requireClasses(of: mask, name: path)
    guard (mask.width, mask.height) == (picture.width, picture.height) else {
      throw DatasetError.sizeMismatch(
        photograph: photograph(id), width: picture.width, height: picture.height, mask: path, maskWidth: mask.width,
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

  /// A PNG mask: indices as they are, or VOC's colours turned into indices.
  private func decode(_ path: String) throws -> (IndexImage, converted: Bool) {
    let bytes = try FileBytes.read(path)
    do throws(ImageError) { return (try PNG.decodeIndices(bytes, file: path), false) } catch {
      guard case .notIndices = error else { throw error }
      return (try PNG.decodeColoredIndices(bytes, classes: directory.classes, file: path), true)
    }
  }

  /// Whether the file holds just this mask.
  private func holds(_ file: String, _ mask: IndexImage) -> Bool {
    access(file, F_OK) == 0 && (try? PNG.decodeIndices(file: file)) == mask
  }

  /// A mask in the way that is whole, differs, and was not written by dnet.
  private func foreign(_ id: String, _ target: String, _ isInPlace: Bool) -> Diagnostic? {
    guard !isInPlace, let there = try? PNG.decodeIndices(file: target),
      state.images[id]?.output != PreparationState.stamp(target)
    else { return nil }
    return Diagnostic(
      .fault, "other masks in the way",
      "\(target) (\(there.width) x \(there.height)) differs from the mask of \(id) in \(sources.path(id, sources.origin(id)!)): move it "
        + "away, or give another --output")
  }

  /// A merged mask elsewhere that should be the same and is not.
  private func difference(
    _ id: String, _ mask: IndexImage, _ origin: PreparationSources.Origin, _ target: String
  ) -> Diagnostic? {
    let merged = sources.path(id, .merged)
    guard origin != .merged, sources.mergedMasks.contains(id), !sameFile(merged, target) else { return nil }
    guard let (there, _) = try? decode(merged) else {
      return Diagnostic(.warning, "merged masks", "\(merged) cannot be read; \(sources.path(id, origin)) is taken")
    }
    let same = there.width == mask.width && there.height == mask.height
    let count = same ? zip(there.indices, mask.indices).count { $0 != $1 } : mask.indices.count
    guard count > 0 else { return nil }
    return Diagnostic(
      .warning, "merged masks that differ",
      "\(merged) differs from \(sources.path(id, origin)) in \(count) of \(mask.indices.count) pixels; the latter is taken"
    )
  }

  private func notes(_ facts: ImageFacts, _ id: String) -> [Diagnostic] {
    DatasetCheck.orientation(facts.orientation, photograph(id)).map { [$0] } ?? []
  }

  private func refused(_ kind: String, _ text: String) -> Outcome {
    Outcome(work: .refused, findings: [Diagnostic(.fault, kind, text)])
  }

  private func stamp(_ path: String) -> String { "\(path) \(PreparationState.stamp(path) ?? "")" }

  private func sameFile(_ a: String, _ b: String) -> Bool {
    var (first, second) = (stat(), stat())
    return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_ino == second.st_ino
      && first.st_dev == second.st_dev
  }
}
