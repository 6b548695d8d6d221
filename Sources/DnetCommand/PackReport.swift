// The contents of a pack whose checksums are all right, as `dnet data check` and `dnet data pack --verify` print them.
import Compute
import Datasets
import Foundation
import Proposals
import Support

struct PackReport {
  let lines: [String]
  let lists, images, masks: Int

  /// Reads every byte of the pack. Throws `PackError` for damage, for lists that it does not have, and where it was
  /// made for fewer classes.
  init(_ pack: String, lists wanted: [String] = [], classes: Int? = nil) throws {
    let began = MonotonicClock.now
    let set = try PackedSet(pack, classes: classes)
    let opened = MonotonicClock.now - began
    for name in wanted { _ = try set.images(list: name) }
    let workers = WorkerPool(threads: AvailableCores.count)
    try set.verify(workers: workers) { done, all in showProgress("\(done)/\(all) images", isLast: done == all) }
    let crops = try set.cropBytes().map { bytes -> CropList in
      guard let list = CropList(encoded: bytes) else { throw PackError.damagedCrops(pack: pack) }
      return list
    }
    var lines = [
      String(
        format: "%@: %d images of %d classes are whole; opened in %.3f s, verified in %.1f s", pack, set.itemCount,
        set.classes,
        opened, MonotonicClock.now - began)
    ]
    for name in set.listNames { lines.append("  list \(name): \(try set.images(list: name).count) images") }
    if let crops { lines.append("  crops \(crops.name): \(crops.records.count), sha256 \(crops.digest)") }
    self.lines = lines
    lists = set.listNames.count
    images = set.itemCount
    masks = set.maskCount
  }
}
