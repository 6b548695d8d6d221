// A cache of decoded images with a memory budget: small datasets are decoded once, large ones whenever an image is
// drawn. It affects speed but never values.
import Datasets
import Images
import Synchronization

package final class ImageCache: Sendable {
  private struct State {
    var entries: [Int: Example] = [:]
    var bytes = 0
  }

  package struct Example: Sendable {
    package let photograph: RGBImage
    package let mask: IndexImage?
  }

  private let store: any ImageStore
  private let images: [ListedImage]
  private let withMasks: Bool
  private let budget: Int
  private let state = Mutex(State())

  /// - Parameters:
  ///   - withMasks: loads each image with its mask; otherwise masks are not read.
  ///   - budget: the number of bytes of decoded images to keep.
  package init(_ store: any ImageStore, images: [ListedImage], withMasks: Bool, budget: Int) {
    self.store = store
    self.images = images
    self.withMasks = withMasks
    self.budget = budget
  }

  /// Returns image number `index` of the list, from memory or from disk.
  package func example(_ index: Int) throws -> Example {
    if let example = state.withLock({ $0.entries[index] }) { return example }
    let example: Example
    if withMasks {
      let (photograph, mask) = try store.loadWithMask(images[index])
      example = Example(photograph: photograph, mask: mask)
    } else {
      example = Example(photograph: try store.photograph(images[index]), mask: nil)
    }
    let bytes = example.photograph.pixels.count + (example.mask?.indices.count ?? 0)
    state.withLock { state in
      if state.entries[index] == nil, state.bytes + bytes <= budget {
        state.entries[index] = example
        state.bytes += bytes
      }
    }
    return example
  }
}
